"""A Redis cluster of three embedded servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, cast

from redis import Redis

from protonats.testing import EmbeddedRedis

SLOTS: Final = 16384


@contextmanager
def redis_cluster() -> Iterator[list[EmbeddedRedis]]:
    """Three nodes that share all slots and know each other.

    Raises:
        TimeoutError: They did not find each other within 20 s.
    """
    with ExitStack() as stack:
        arguments = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        nodes = [stack.enter_context(EmbeddedRedis(arguments=arguments)) for _ in range(3)]
        clients = [stack.enter_context(Redis(port=node.port)) for node in nodes]
        for index, client in enumerate(clients):
            slots = range(index * SLOTS // 3, (index + 1) * SLOTS // 3)
            client.execute_command("CLUSTER ADDSLOTS", *slots)
            client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
        wait = threading.Event()
        for _ in range(1000):
            states = [cast(Any, client.execute_command("CLUSTER INFO")) for client in clients]
            if all(
                state["cluster_state"] == "ok" and state["cluster_known_nodes"] == "3"
                for state in states
            ):
                break
            wait.wait(0.02)
        else:
            raise TimeoutError("the Redis cluster did not form within 20 s")
        yield nodes


def cluster_url(nodes: list[EmbeddedRedis]) -> str:
    """Where clients connect to."""
    return nodes[0].url.replace("redis://", "redis+cluster://")
