"""The Redis cluster of production, three shards of two servers, on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from protonats.testing import EmbeddedRedis
from tests.functional.redis_cluster import redis_cluster
from tests.platform.nats.installation import until

__all__ = ["redis_with_replicas"]


@contextmanager
def redis_with_replicas() -> Iterator[list[EmbeddedRedis]]:
    """Three servers that share all keys, and behind them a replica of each."""
    arguments = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    with redis_cluster() as masters, ExitStack() as stack:
        replicas = [stack.enter_context(EmbeddedRedis(arguments=arguments)) for _ in masters]
        for master, replica in zip(masters, replicas, strict=True):
            _follow(master, replica)
        nodes = [*masters, *replicas]
        until(lambda: all(map(_knows_all, nodes)), "all servers of Redis know each other")
        yield nodes


def _follow(master: EmbeddedRedis, replica: EmbeddedRedis) -> None:
    """Returns when one has all that the other has."""
    leading: Any = Redis(port=master.port)
    following: Any = Redis(port=replica.port)
    with leading, following:
        following.execute_command("CLUSTER MEET", "127.0.0.1", master.port)
        name = leading.execute_command("CLUSTER MYID")
        until(lambda: _replicates(following, name), "a replica follows")
        until(
            lambda: following.info("replication")["master_link_status"] == "up",
            "a replica is whole",
        )


def _replicates(client: Any, master: object) -> bool:
    try:
        client.execute_command("CLUSTER REPLICATE", master)
    except ResponseError as error:
        if "Unknown node" not in str(error):
            raise
        # They have not met yet.
        return False
    return True


def _knows_all(node: EmbeddedRedis) -> bool:
    with Redis(port=node.port) as client:
        info: Any = client.execute_command("CLUSTER INFO")
        return bool(info["cluster_known_nodes"] == "6" and info["cluster_state"] == "ok")
