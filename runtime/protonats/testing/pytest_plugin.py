"""Fixtures for pytest, there wherever protonats is installed.

`nats_server` and `redis_server` start once for a run and are emptied after each test that used
them. `protonats_connection` and `protonats_clock` are asynchronous: they work with anyio's plugin,
and with pytest-asyncio in its mode `auto`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from protonats.connection import Connection
    from protonats.testing import Clock, EmbeddedNats, EmbeddedRedis

# Every run of pytest loads this module: what it needs is imported by the fixtures.


@pytest.fixture(scope="session")
def _nats_server() -> Iterator[EmbeddedNats]:
    from protonats.testing import EmbeddedNats

    with EmbeddedNats(jetstream=True) as server:
        yield server


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[EmbeddedRedis]:
    from protonats.testing import EmbeddedRedis

    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
def nats_server(_nats_server: EmbeddedNats) -> Iterator[EmbeddedNats]:
    """A nats-server with JetStream and without streams. A test may stop or kill it."""
    from protonats.testing._isolation import delete_streams

    _nats_server.start()
    yield _nats_server
    _nats_server.start()
    delete_streams(_nats_server.url)


@pytest.fixture
def redis_server(_redis_server: EmbeddedRedis) -> Iterator[EmbeddedRedis]:
    """An empty redis-server. A test may stop or kill it."""
    from protonats.testing._isolation import flush

    _redis_server.start()
    yield _redis_server
    _redis_server.start()
    flush(_redis_server.url)


@pytest.fixture
async def protonats_connection(nats_server: EmbeddedNats) -> AsyncIterator[Connection]:
    """A connection to `nats_server`."""
    from protonats.connection import connect

    async with await connect(nats_server.url) as connection:
        yield connection


@pytest.fixture
def protonats_clock() -> Clock:
    """A clock for one test, whose loop has to be made by it."""
    from protonats.testing import Clock

    return Clock()
