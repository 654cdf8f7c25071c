"""Consuming while something is wrong."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import Connection, EventContext, provision
from protonats._consuming.consumer import Consumer
from protonats.testing import EmbeddedNats
from tests.functional.consuming import (
    INFO,
    all_answered,
    consume,
    publish_when_possible,
)
from tests.functional.game import (
    DURABLE,
    STREAM,
    Game,
    GameServicePublisher,
    plan,
    until,
)
from tests.functional.inner import client_of
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


async def test_consumption_goes_on_after_the_broker_was_restarted() -> None:
    game = Game()
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            consumer = await consume(connection, game, [])
            publisher = GameServicePublisher(connection)
            await publisher.publish_won(StringValue(value="before"))
            await until(lambda: game.values == ["before"])
            for restart in range(2):
                nats.kill()
                await until(lambda: not connection.is_connected)
                nats.start()
                await until(lambda: connection.is_connected)
                await publish_when_possible(publisher, f"after-{restart}")
                await until(partial(game.has, f"after-{restart}"))
            assert consumer.problem is None
            await consumer.drain(1)


async def test_a_short_break_of_the_connection_costs_no_time(
    connection: Connection, game: Game, consumers: list[Consumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server forgets what a connection had asked for."""
    for name in ("_WATCH", "_SILENCE"):
        monkeypatch.setattr(f"protonats._consuming.pull.{name}", 3600.0)
    await consume(connection, game, consumers)
    publisher = GameServicePublisher(connection)
    for value in ("a", "b"):
        await client_of(connection).force_reconnect()
        await until(lambda: connection.is_connected)
        await publish_when_possible(publisher, value)
        await until(partial(game.has, value), 5.0)


async def test_events_that_are_all_at_work_elsewhere_are_no_problem(
    nats: EmbeddedNats,
    connection: Connection,
    game: Game,
    consumers: list[Consumer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server sends its heartbeats all the same."""
    monkeypatch.setattr("protonats._consuming.pull._HEARTBEAT", 0.2)
    monkeypatch.setattr("protonats._consuming.pull._SILENCE", 0.5)
    release = asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        await release.wait()

    game.on_event = on_event
    async with await protonats.connect(nats.url) as other:
        busy = await consume(connection, game, consumers, max_ack_pending=1)
        await GameServicePublisher(connection).publish_won(StringValue(value="a"))
        await until(lambda: game.values == ["a"])
        idle = await consume(other, Game(), [], max_ack_pending=1)
        assert idle._pull is not None
        begun = asyncio.get_running_loop().time()
        pull = idle._pull
        await until(lambda: bool(idle.problem or busy.problem) or pull._heard > begun + 1.5)
        assert (idle.problem, busy.problem) == (None, None)
        release.set()
        await idle.drain(0)


async def test_a_server_that_never_answers_is_a_problem(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it refuses the request for messages, which only its log tells."""
    monkeypatch.setattr("protonats._consuming.pull._SILENCE", 0.3)
    config = """
    jetstream {}
    authorization { users: [
      {user: admin, password: p}
      {user: game, password: p, permissions: {publish: {deny: "$JS.API.CONSUMER.MSG.NEXT.>"}}}
    ] }"""
    with EmbeddedNats(jetstream=True, config=config) as nats:
        async with (
            await protonats.connect(nats.url.replace("//", "//admin:p@")) as admin,
            await protonats.connect(nats.url.replace("//", "//game:p@")) as connection,
        ):
            await provision.apply(admin.jetstream, plan())
            consumer = Consumer(connection, INFO, game)
            await consumer.start()
            await until(lambda: (consumer.problem or "").endswith("JetStream does not answer"))
            await consumer.drain(0)


async def test_a_deleted_consumer_is_a_problem_until_it_is_there_again(
    connection: Connection,
    game: Game,
    consumers: list[Consumer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: game.values == ["a"])
    await connection.jetstream.delete_consumer(STREAM, DURABLE)
    await until(lambda: (consumer.problem or "").startswith(f"consumer {DURABLE}: "))

    with caplog.at_level(logging.INFO, "protonats"):
        await provision.apply(connection.jetstream, plan())
        await GameServicePublisher(connection).publish_won(StringValue(value="b"))
        await until(lambda: game.has("b"))
    assert consumer.problem is None
    assert f"consumer {DURABLE} delivers again" in caplog.text


async def test_an_event_whose_headers_begin_like_a_status_is_an_event(
    nats: EmbeddedNats,
    connection: Connection,
    game: Game,
    consumers: list[Consumer],
) -> None:
    """Whoever may publish the event could otherwise make the consumer look broken."""
    consumer = await consume(connection, game, consumers)
    async with raw_nats(nats.url) as raw:
        body = Int64Value(value=3).SerializeToString()
        raw.publish("evt.game.scored.v1", body, headers=b"NATS/1.0 503 x\r\n\r\n")
        await until(lambda: game.values == [3])
    await all_answered(connection)
    assert consumer.problem is None


async def test_a_message_that_is_not_from_the_stream_is_dropped_and_counted(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    consumer = await consume(connection, game, consumers)
    assert consumer._pull is not None
    body = StringValue(value="forged").SerializeToString()
    for reply in ("", "svc.payment.v1.process"):
        connection._transport.publish(f"{consumer._pull._inbox}0", body, reply=reply)
    await GameServicePublisher(connection).publish_won(StringValue(value="real"))
    await until(lambda: "real" in game.values)

    assert game.values == ["real"]
    assert 'protonats_dropped_total{reason="delivery"} 2.0' in connection.metrics.render().decode()


async def test_a_broker_that_is_killed_while_events_go_through_it_loses_none() -> None:
    """A publisher that tries again with the same id publishes once."""
    game, count = Game(), 600
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            consumer = await consume(connection, game, [], ack_wait_seconds=1)
            publisher = GameServicePublisher(connection)
            numbers = iter(range(count))

            async def publish() -> None:
                for number in numbers:
                    await publish_when_possible(publisher, f"{number}")

            publishing = asyncio.gather(*(publish() for _ in range(16)))
            for already in (100, 300):
                await until(lambda: len(game.events) >= already)  # noqa: B023
                nats.kill()
                await until(lambda: not connection.is_connected)
                nats.start()
            await publishing
            await until(lambda: len(set(game.values)) == count)
            await all_answered(connection)
            stored = (await connection.jetstream.stream_info(STREAM)).state.messages
            await consumer.drain(5)
    assert stored == count
    assert {context.event_id for _, context in game.events} == {f"{n}" for n in range(count)}
