"""Alerts about NATS, JetStream and Redis, firing and quiet."""

from __future__ import annotations

from tests.platform.monitoring.rule_series import (
    Case,
    always,
    nodes,
    redis,
    server,
)

__all__ = ["JETSTREAM", "NATS", "REDIS"]

CONSUMER = {"stream_name": "GAME_EVENTS", "consumer_name": "quest_processor"}
LETTERS = {"stream": "GAME_EVENTS", "consumer": "quest_processor"}
DRIFT = {"kind": "consumer", "name": "GAME_EVENTS/quest_processor", "problem": "missing"}
PENDING = "jetstream_consumer_num_pending"
NODE = {"node": "nats-1:8222"}
FIRST = {"server_id": "S1", "value": "nats-1"}
META = "jetstream_server_total_streams"
CERTIFICATE = "protonats_platform_certificate_expiry_timestamp_seconds"

NATS = (
    Case(
        alert="NatsNodeDown",
        fires=nodes(4, down=1),
        quiet=nodes(5),
        labels={"severity": "critical", "node": "nats-5:8222"},
        summary="NATS node nats-5:8222 does not answer",
        description=(
            "The node nats-5:8222 is not healthy or does not answer. Another failure may stop"
            " streams."
        ),
    ),
    Case(
        alert="NatsNodeDown",
        what="and nobody knows it",
        fires=nodes(4),
        quiet=always("protonats_platform_node_up", 1, node="the exporter is new"),
        labels={"severity": "critical"},
        summary="A NATS node is missing",
        description="Only 4 of 5 nodes are known. Another failure may stop streams.",
    ),
    Case(
        alert="NatsQuorumLost",
        fires=nodes(2, down=3),
        quiet=nodes(3, down=2),
        labels={"severity": "critical"},
        summary="The NATS cluster has lost its majority",
        description=(
            "2 of 5 nodes answer, 3 are needed: nothing is stored any more, and streams and"
            " consumers cannot be changed."
        ),
    ),
    Case(
        alert="NatsSlowConsumers",
        fires=server(slow_consumers="0 0 3+0x30"),
        quiet=server(slow_consumers=7),
        labels={"severity": "warning", **FIRST},
        summary="nats-1 cut off clients that read too slowly",
        description=(
            "3 connections of the node nats-1 were cut off in ten minutes, because they did"
            " not read what was sent to them."
        ),
    ),
    Case(
        alert="NatsMemoryHigh",
        fires=server(mem=7000, gomemlimit=6000),
        quiet=server(mem=6000, gomemlimit=6000),
        at="12m",
        labels={"severity": "warning", **FIRST},
        summary="nats-1 is short of memory",
        description="nats-server uses 87.5% of the memory of the node nats-1.",
    ),
    Case(
        alert="NatsCpuHigh",
        fires=server(cpu=180, cores=2),
        quiet=server(cpu=140, cores=2),
        at="12m",
        labels={"severity": "warning", **FIRST},
        summary="nats-1 is short of CPU",
        description="nats-server uses 90% of the CPU of the node nats-1: calls wait for it.",
    ),
    Case(
        alert="NatsConnectionsNearLimit",
        fires=server(connections=900, max_connections=1000),
        quiet=server(connections=700, max_connections=1000),
        at="8m",
        labels={"severity": "warning", **FIRST},
        summary="nats-1 has nearly as many connections as it may have",
        description=(
            "90% of the connections that the node nats-1 may have are in use. Beyond that,"
            " clients are refused."
        ),
    ),
    Case(
        alert="CertificateExpires",
        fires=always(CERTIFICATE, 10 * 86400, **NODE),
        quiet=always(CERTIFICATE, 20 * 86400, **NODE),
        at="10m",
        labels={"severity": "warning", **NODE},
        summary="The certificate of nats-1:8222 ends soon",
        description=(
            "It is valid for 9d 23h 50m 0s more, and should have been renewed long ago. When"
            " it ends, nobody can connect to the node."
        ),
    ),
)

JETSTREAM = (
    Case(
        alert="JetStreamStorageNearFull",
        fires=server(jetstream_stats_storage=85, jetstream_config_max_storage=100),
        quiet=server(jetstream_stats_storage=75, jetstream_config_max_storage=100),
        at="8m",
        labels={"severity": "critical", **FIRST},
        summary="JetStream's storage on nats-1 is nearly full",
        description=(
            "85% of it are in use. When it is full, nothing is stored any more, and events"
            " wait where they are published."
        ),
    ),
    Case(
        alert="JetStreamStopped",
        fires=always("jetstream_server_jetstream_disabled", 1, server_name="nats-1"),
        quiet=always("jetstream_server_jetstream_disabled", 0, server_name="nats-1"),
        labels={"severity": "critical", "server_name": "nats-1"},
        summary="JetStream does not run on nats-1",
        description=(
            "The node nats-1 serves clients, and stores nothing: its replicas are missing"
            " from every stream."
        ),
    ),
    Case(
        alert="MetaLeaderMissing",
        fires={
            **always(META, 6, server_name="nats-1", meta_leader=""),
            **always(META, 6, server_name="nats-2", meta_leader=""),
        },
        quiet={
            **always(META, 6, server_name="nats-1", meta_leader=""),
            **always(META, 6, server_name="nats-2", meta_leader="nats-2"),
        },
        labels={"severity": "critical"},
        summary="JetStream has no leader",
        description=(
            "None of the 2 nodes that answer knows who leads: streams and consumers cannot be"
            " created or changed, and none finds a new leader."
        ),
    ),
    Case(
        alert="StreamLeaderMissing",
        fires=always("protonats_platform_stream_leaderless", 1, stream="AUDIT"),
        quiet=always("protonats_platform_stream_leaderless", 0, stream="AUDIT"),
        labels={"severity": "critical", "stream": "AUDIT"},
        summary="The stream AUDIT has no leader",
        description=(
            "Nothing can be written to the stream AUDIT or read from it: too few of its"
            " replicas are there."
        ),
    ),
    Case(
        alert="PlanDrift",
        fires=always("protonats_platform_drift", 1, **DRIFT),
        quiet=always("protonats_platform_drift", 0, **DRIFT),
        at="17m",
        labels={"severity": "warning", **DRIFT},
        summary="The consumer GAME_EVENTS/quest_processor is missing",
        description=(
            "The consumer GAME_EVENTS/quest_processor is not what schemas and manifest plan:"
            " it is missing."
        ),
    ),
    Case(
        alert="ConsumerLag",
        fires=always(PENDING, 1500, **CONSUMER, is_consumer_leader="true"),
        # A replica that is behind tells of events that are handled already.
        quiet={
            **always(PENDING, 10, **CONSUMER, is_consumer_leader="true"),
            **always(PENDING, 1500, **CONSUMER, is_consumer_leader="false"),
        },
        at="8m",
        labels={"severity": "warning", **CONSUMER},
        summary="quest_processor does not keep up with GAME_EVENTS",
        description=(
            "1500 events of the stream GAME_EVENTS wait for quest_processor. What the"
            " stream's limits remove first is never handled."
        ),
    ),
    Case(
        alert="DeadLetters",
        fires=always("protonats_platform_dead_letters", "0 0 3+0x30", **LETTERS),
        quiet=always("protonats_platform_dead_letters", 0, **LETTERS),
        labels={"severity": "warning", **LETTERS},
        summary="quest_processor has dead letters",
        description=(
            "3 messages of the stream GAME_EVENTS could not be handled by quest_processor, as"
            " often as they were tried. They are kept, and can be replayed."
        ),
    ),
)

REDIS = (
    Case(
        alert="RedisDown",
        fires=redis(5, down=1),
        quiet=redis(6),
        labels={"severity": "critical", "node": "redis-6:6379"},
        summary="Redis redis-6:6379 does not answer",
        description="The server redis-6:6379 does not answer.",
    ),
    Case(
        alert="RedisDown",
        what="and nobody knows it",
        fires=redis(5),
        quiet=always("redis_up", 1, node="the exporter is new"),
        labels={"severity": "critical"},
        summary="A Redis server is missing",
        description="Only 5 of 6 servers are known.",
    ),
    Case(
        alert="RedisClusterBroken",
        fires=always("redis_cluster_state", 0, node="redis-1:6379"),
        quiet={
            **always("redis_cluster_state", 1, node="redis-1:6379"),
            **always("redis_cluster_slots_fail", 0, node="redis-1:6379"),
        },
        labels={"severity": "critical", "node": "redis-1:6379"},
        summary="A part of the keys in Redis has no server",
        description=(
            "As redis-1:6379 sees it, the cluster is not whole: reading and writing some keys"
            " fails."
        ),
    ),
    Case(
        alert="RedisMemoryHigh",
        fires={
            **always("redis_memory_used_bytes", 90, node="redis-1:6379"),
            **always("redis_memory_max_bytes", 100, node="redis-1:6379"),
        },
        # Without a limit nothing is near to it.
        quiet={
            **always("redis_memory_used_bytes", 90, node="redis-1:6379"),
            **always("redis_memory_max_bytes", 0, node="redis-1:6379"),
        },
        at="12m",
        labels={"severity": "warning", "node": "redis-1:6379"},
        summary="Redis redis-1:6379 is short of memory",
        description=(
            "90% of its memory are in use. Beyond it, cached values go first; then nothing"
            " can be written."
        ),
    ),
)
