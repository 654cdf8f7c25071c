"""Real servers for the services, and clients to call them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from redis import Redis

import protonats
from protonats import Connection
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.services.platform import Events, apply_plan


@pytest.fixture(scope="module")
async def nats() -> AsyncIterator[EmbeddedNats]:
    """A nats-server with the streams, consumers and buckets of the platform."""
    with EmbeddedNats(jetstream=True) as server:
        async with await protonats.connect(server.url) as connection:
            await apply_plan(connection)
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[EmbeddedRedis]:
    """A Redis that no test stops."""
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture(scope="module")
def redis_cluster() -> Iterator[EmbeddedRedis]:
    """A Redis cluster of one node: it refuses what a larger one would refuse."""
    with ExitStack() as stack:
        node = stack.enter_context(EmbeddedRedis(arguments=("--cluster-enabled", "yes")))
        client = stack.enter_context(Redis(port=node.port))
        client.execute_command("CLUSTER ADDSLOTS", *range(16384))
        pause = threading.Event()
        while cast(Any, client.execute_command("CLUSTER INFO"))["cluster_state"] != "ok":
            pause.wait(0.02)
        yield node


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    """A caller's connection."""
    async with await protonats.connect(nats.url) as connection:
        yield connection


@pytest.fixture
def events(connection: Connection) -> Events:
    """The events in the stream."""
    return Events(connection)
