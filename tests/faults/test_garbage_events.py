"""Garbage where events are published, delivered and acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import Connection, StatusError, deadline
from protonats.redis import connect_redis
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.faults.attack import all_dropped, memory, settled
from tests.faults.garbage import CALL, Garbage
from tests.functional.cached import Counting, cached_method
from tests.functional.consuming import all_answered, consume
from tests.functional.echo import dropped
from tests.functional.game import STREAM, Game, GameServicePublisher, until
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio

_GROWTH = 32 * 1024 * 1024
_EVENT = {"Nats-Msg-Id": "e-1", "Pn-Event": "01-google.protobuf.StringValue"}
_SUBJECTS = ("evt.game.won.v1.a", "evt.game.scored.v1")


@pytest.fixture
async def connection(own_nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(own_nats.url) as connection:
        yield connection


def _results(connection: Connection) -> dict[str, int]:
    """What became of the deliveries of a consumer."""
    results: dict[str, int] = {}
    for (_, _, result), count in connection.metrics._events.items():
        results[result] = results.get(result, 0) + count
    return results


async def test_garbage_as_events_is_handled_or_becomes_dead_letters(
    own_nats: EmbeddedNats, connection: Connection
) -> None:
    garbage, inputs, game = Garbage(21), 3_000, Game()
    consumer = await consume(connection, game, [])
    before = memory()
    async with raw_nats(own_nats.url) as raw:
        for _ in range(inputs):
            subject = garbage.random.choice(_SUBJECTS)
            block = garbage.block(garbage.call_id(), like=_EVENT)
            raw.publish(subject, garbage.body(), headers=block)
        await settled(raw, connection)
    await all_answered(connection)
    stored = (await connection.jetstream.stream_info(STREAM)).state.messages
    letters = (await connection.jetstream.stream_info("DLQ")).state.messages
    results = _results(connection)
    assert stored > inputs // 2
    assert results["dead_lettered"] == letters
    assert sum(results.values()) == stored
    assert set(results) <= {"dead_lettered", "acknowledged", "skipped"}
    assert memory() - before < _GROWTH
    assert "defect" not in dropped(connection)
    await GameServicePublisher(connection).publish_won(StringValue(value="good"))
    await until(partial(game.has, "good"))
    await consumer.drain(5)


@pytest.mark.parametrize(
    ("subject", "block"),
    [
        (b"evt.game.won.v1.a", b"NATS/2.0\r\nuser: u\r\n\r\n"),
        (b"evt.game.won.v1.a", b"\0" * 20),
        (b"evt.game.won.v1.\xff", b"NATS/1.0\r\n\r\n"),
    ],
    ids=["another version", "no block", "no text"],
)
async def test_more_unreadable_events_than_may_wait_do_not_stop_a_consumer(
    own_nats: EmbeddedNats, connection: Connection, subject: bytes, block: bytes
) -> None:
    """Each becomes a dead letter with all its bytes."""
    game = Game()
    consumer = await consume(connection, game, [], max_ack_pending=5)
    async with raw_nats(own_nats.url) as raw:
        for _ in range(20):
            raw.publish(subject, b"body", headers=block)
        await settled(raw, connection)
    await GameServicePublisher(connection).publish_won(StringValue(value="good"))
    await until(partial(game.has, "good"))
    await all_answered(connection)
    assert _results(connection) == {"dead_lettered": 20, "acknowledged": 1}
    letter = await connection.jetstream.get_msg("DLQ", 1)
    assert letter.data == block + b"body"
    assert letter.headers is not None
    assert "unreadable" in letter.headers["Pn-Error"]
    await consumer.drain(5)


async def test_garbage_at_the_inbox_of_a_consumer(
    own_nats: EmbeddedNats, connection: Connection
) -> None:
    """What did not come from the stream is dropped and counted, and room is not lost by it."""
    garbage, inputs, game = Garbage(22), 10_000, Game()
    consumer = await consume(connection, game, [], max_ack_pending=20)
    pull = consumer._pull
    assert pull is not None
    replies = ("", "x", "$JS.ACK.", "$JS.ACK.GAME.other.1.1.1.1.0", "$JS.ACK.a.b.1.2.3.4.5.6.7.8")
    before = memory()
    async with raw_nats(own_nats.url) as raw:
        for number in range(inputs):
            reply = garbage.random.choice(replies)
            block = garbage.block(garbage.call_id(), like=_EVENT)
            raw.publish(f"{pull._inbox}{number}", garbage.body(), reply=reply, headers=block)
        await settled(raw, connection)
    assert set(dropped(connection)) == {"delivery", "malformed"}
    assert all_dropped(connection) > inputs // 2
    assert memory() - before < _GROWTH
    publisher = GameServicePublisher(connection)
    for number in range(100):
        await publisher.publish_won(StringValue(value=f"{number}"))
    await until(lambda: len(game.events) == 100)
    await all_answered(connection)
    await until(lambda: pull._held == 0 and consumer.problem is None)
    await consumer.drain(5)


async def test_garbage_as_acknowledgement(own_nats: EmbeddedNats, connection: Connection) -> None:
    garbage, inputs, answered = Garbage(23), 5_000, 0
    publisher = GameServicePublisher(connection)
    acknowledgement = b'{"stream":"GAME", "seq":17}'
    async with raw_nats(own_nats.url) as raw:
        await raw.subscribe("evt.game.won.v1.*")

        async def answer() -> None:
            while True:
                request = await raw.receive(timeout=60)
                body = acknowledgement if garbage.random.random() < 0.7 else garbage.body()
                block = garbage.block(CALL) if garbage.random.random() < 0.3 else b""
                raw.publish(request.reply, garbage.damage(body), headers=block)

        answering = asyncio.create_task(answer())
        while answered < inputs:
            with deadline.scope(asyncio.get_running_loop().time() + 0.3):
                events = [publisher.publish_won(StringValue(value="a")) for _ in range(1000)]
                results = await asyncio.gather(*events, return_exceptions=True)
            for result in results:
                if not isinstance(result, StatusError):
                    assert not isinstance(result, BaseException), repr(result)
                    assert result.stream == "GAME" or result.sequence is not None
            answered += len(events)
        assert not answering.done()
        answering.cancel()
        await asyncio.wait([answering])
    assert len(connection._calls) == 0
    assert all_dropped(connection) > 0


async def test_garbage_as_events_that_invalidate_a_cache(
    own_nats: EmbeddedNats, connection: Connection
) -> None:
    garbage, inputs = Garbage(24), 5_000
    with EmbeddedRedis() as server:
        redis = await connect_redis(server.url)
        counting = Counting(connection, redis, cached_method())
        await counting.caches.start()
        assert await counting.ask() == "a old 1"
        before = memory()
        async with raw_nats(own_nats.url) as raw:
            for _ in range(inputs):
                subject = garbage.random.choice(_SUBJECTS)
                block = garbage.block(garbage.call_id(), like=_EVENT)
                raw.publish(subject, garbage.body(), headers=block)
            await settled(raw, connection)
        assert memory() - before < _GROWTH
        for cache in counting.caches._methods:
            await until(cache._engine.invalidated)
        assert await counting.ask() != "a old 1"
        connection._transport.publish("evt.game.scored.v1", Int64Value().SerializeToString())
        await counting.caches.close()
        await redis.aclose()
    assert set(dropped(connection)) <= {"malformed"}
