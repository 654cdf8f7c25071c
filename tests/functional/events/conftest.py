"""A server with JetStream, and what tests of events do on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import protonats
from protonats import Connection
from protonats._consuming.consumer import Consumer
from protonats.testing import EmbeddedNats
from tests.functional.game import Game


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    """A server for the tests of one module."""
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    """A connection; what streams there are at the end of a test are deleted."""
    async with await protonats.connect(nats.url) as connection:
        yield connection
        for stream in await connection.jetstream.streams_info():
            await connection.jetstream.delete_stream(str(stream.config.name))


@pytest.fixture
def game() -> Game:
    """A server that notes the events it gets."""
    return Game()


@pytest.fixture
async def consumers(connection: Connection) -> AsyncIterator[list[Consumer]]:
    """Whatever a test starts is drained at its end."""
    started: list[Consumer] = []
    yield started
    for consumer in started:
        await consumer.drain(0)
