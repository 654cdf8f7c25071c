"""What the exporter tells of Redis: one server, and a cluster that loses one."""

from __future__ import annotations

import re

import pytest
from redis import Redis

from protonats.testing import EmbeddedRedis
from tests.functional.exporting import Told, exporting
from tests.functional.redis_cluster import cluster_url, redis_cluster

pytestmark = pytest.mark.anyio

VARIABLES = {"NATS_URL": "nats://127.0.0.1:1", "EXPORTER_INTERVAL": "0.2"}


async def test_a_server_that_is_killed_and_comes_back() -> None:
    with EmbeddedRedis(arguments=("--maxmemory", "10mb")) as server:
        node = {"node": f"127.0.0.1:{server.port}"}
        async with exporting({**VARIABLES, "REDIS_URL": server.url}) as told:
            await told.until("redis_up", 1.0, **node)
            assert told.values("redis_memory_max_bytes", **node) == [10 * 1024 * 1024.0]
            assert told.values("redis_memory_used_bytes", **node) > [0.0]
            assert told.values("redis_evicted_keys_total", **node) == [0.0]
            assert told.values("redis_connected_slaves", **node) == [0.0]
            server.kill()
            await told.until("redis_up", 0.0, **node)
            assert told.values("redis_memory_used_bytes") == []
            await told.until("protonats_exporter_source_up", 0.0, source="redis")
            server.start()
            await told.until("redis_up", 1.0, **node)


async def test_a_server_that_was_never_there() -> None:
    async with exporting({**VARIABLES, "REDIS_URL": "redis://127.0.0.1:1"}) as told:
        await told.until("redis_up", 0.0, node="127.0.0.1:1")
    async with exporting({**VARIABLES, "REDIS_URL": "redis+cluster://127.0.0.1:1"}) as told:
        await told.until("redis_up", 0.0, node="127.0.0.1:1")


async def test_a_replica_tells_of_its_link() -> None:
    with (
        EmbeddedRedis() as master,
        EmbeddedRedis(arguments=("--replicaof", "127.0.0.1", str(master.port))) as replica,
    ):
        async with exporting({**VARIABLES, "REDIS_URL": replica.url}) as told:
            link = {"master_host": "127.0.0.1", "master_port": str(master.port)}
            await told.until("redis_master_link_up", 1.0, **link)
            master.kill()
            await told.until("redis_master_link_up", 0.0, **link)


async def test_a_cluster_that_loses_a_server() -> None:
    with redis_cluster() as nodes:
        async with exporting({**VARIABLES, "REDIS_URL": cluster_url(nodes)}) as told:
            await told.until("redis_up", 1.0, 1.0, 1.0)
            await told.until("redis_cluster_state", 1.0, 1.0, 1.0)
            assert told.values("redis_cluster_slots_ok") == [16384.0] * 3
            # Not the one that the URL names.
            nodes[1].kill()
            await told.until("redis_up", 0.0, node=f"127.0.0.1:{nodes[1].port}")
            await told.until("redis_up", 0.0, 1.0, 1.0)
            await told.until("redis_cluster_state", 0.0, 0.0)
            assert _kinds(told, "redis_evicted_keys") == "counter"


async def test_a_replica_that_joins_later() -> None:
    with (
        redis_cluster() as nodes,
        EmbeddedRedis(arguments=("--cluster-enabled", "yes")) as late,
        Redis(port=late.port) as client,
        Redis(port=nodes[0].port) as primary,
    ):
        async with exporting({**VARIABLES, "REDIS_URL": cluster_url(nodes)}) as told:
            await told.until("redis_up", 1.0, 1.0, 1.0)
            client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
            await told.until("redis_up", 1.0, 1.0, 1.0, 0.0)
            client.execute_command("CLUSTER REPLICATE", primary.execute_command("CLUSTER MYID"))
            await told.until("redis_up", 1.0, 1.0, 1.0, 1.0)


def _kinds(told: Told, name: str) -> str:
    (kind,) = re.findall(rf"# TYPE {name}_total (\w+)", told.text())
    return str(kind)
