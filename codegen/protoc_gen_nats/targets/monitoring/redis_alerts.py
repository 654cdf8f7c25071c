"""Alerts about Redis."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.targets.monitoring.alert import (
    CRITICAL,
    WARNING,
    Alert,
    Platform,
    Runbook,
    Step,
)
from protoc_gen_nats.targets.monitoring.queries import number

__all__ = ["MEMORY_SHARE", "alerts"]

_GROUP = "redis"

MEMORY_SHARE = "redis_memory_used_bytes / (redis_memory_max_bytes > 0)"
"""Of a server without a limit nothing can be said."""

_NODES = Step(text="Which servers answer.", query="redis_up")
_STATE = Step(
    text="Whether every part of the keys has a server.",
    query="redis_cluster_slots_ok or redis_cluster_slots_fail",
)
_EVENTS = Step(
    text="What AWS says of it: a failover, a replacement, maintenance.",
    command=(
        "aws elasticache describe-events --source-type replication-group"
        " --source-identifier PREFIX --duration 120"
    ),
)


def alerts(platform: Platform) -> Iterator[Alert]:
    """What is said of Redis, where there is one."""
    environment = platform.environment
    if environment.redis is None:
        return
    nodes = environment.redis.shards * (1 + environment.redis.replicas)
    yield Alert(
        name="RedisDown",
        group=_GROUP,
        severity=CRITICAL,
        expr=(
            f"redis_up == 0 or (count(redis_up) or vector(0)) < {nodes}"
            ' and on () up{job="exporter"} == 1'
        ),
        lasts="1m",
        summary=(
            "{{ if $labels.node }}Redis {{ $labels.node }} does not answer{{ else }}A Redis server"
            " is missing{{ end }}"
        ),
        description=(
            "{{ if $labels.node }}The server {{ $labels.node }} does not answer.{{ else }}Only"
            f" {{{{ $value }}}} of {nodes} servers are known.{{{{ end }}}}"
        ),
        runbook=_DOWN,
    )
    yield Alert(
        name="RedisClusterBroken",
        group=_GROUP,
        severity=CRITICAL,
        expr="redis_cluster_state == 0 or redis_cluster_slots_fail > 0",
        lasts="1m",
        summary="A part of the keys in Redis has no server",
        description=(
            "As {{ $labels.node }} sees it, the cluster is not whole: reading and writing some keys"
            " fails."
        ),
        runbook=_BROKEN,
    )
    yield Alert(
        name="RedisMemoryHigh",
        group=_GROUP,
        severity=WARNING,
        expr=f"{MEMORY_SHARE} > {number(environment.alerts.memory_share)}",
        lasts="10m",
        summary="Redis {{ $labels.node }} is short of memory",
        description=(
            "{{ $value | humanizePercentage }} of its memory are in use. Beyond it, cached values"
            " go first; then nothing can be written."
        ),
        runbook=_MEMORY_HIGH,
    )


_DOWN = Runbook(
    meaning=(
        "A server of the Redis cluster does not answer, or is not known any more. A replica takes"
        " the place of a primary within seconds."
    ),
    users=(
        "For seconds: cached methods get slower, methods with idempotency keys refuse calls, state"
        " in Redis cannot be changed. Longer, if a shard has no replica."
    ),
    look=(_NODES, _STATE, _EVENTS),
    mend=(
        "On AWS wait ten minutes: a server is replaced by itself.",
        "If all are gone at once, it is the network or the certificate: the log of any service says"
        " which.",
    ),
    close="All servers answer, and each shard has its replicas.",
)
_BROKEN = Runbook(
    meaning="A shard has neither primary nor replica that can take its place.",
    users=(
        "Of the keys of that shard: rate limits, sessions, idempotency and state fail. The cache"
        " costs time and nothing else."
    ),
    look=(_STATE, _NODES, _EVENTS),
    mend=(
        "Bring a server of the shard back; on AWS that is a replacement, or a snapshot.",
        "With `replicas: 0` each lost server is a lost shard: give production a replica.",
    ),
    close="`redis_cluster_state` is 1 on all servers.",
)
_MEMORY_HIGH = Runbook(
    meaning=(
        "A server holds nearly as much as it may. Values with a time to live are removed first;"
        " events that wait in an outbox have none and stay."
    ),
    users="The cache hits less often. When only what has to stay is left, writing fails.",
    look=(
        Step(text="How full each server is.", query=MEMORY_SHARE),
        Step(text="What is removed before its time.", query="rate(redis_evicted_keys_total[5m])"),
        Step(text="Whether an outbox grows.", query="protonats_outbox_pending > 0"),
        Step(text="How often the cache hits.", query="service:protonats_cache_hits:share5m"),
    ),
    mend=(
        "An outbox that grows: see [OutboxStuck](OutboxStuck.md).",
        "A cache that keeps too much: a shorter `ttl` in the schema.",
        "A larger `instance_type` or more `shards` in protonats.yaml.",
    ),
    close="Every server is below the threshold.",
)
