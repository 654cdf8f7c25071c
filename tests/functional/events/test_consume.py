"""Consuming events: one durable consumer, shared by instances."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import Connection, EventContext, deadline
from protonats._consuming.consumer import Consumer
from protonats.testing import EmbeddedNats
from tests.functional.consuming import (
    all_answered,
    consume,
    handled,
)
from tests.functional.game import (
    SCORED,
    STREAM,
    WON,
    Game,
    GameServicePublisher,
    until,
)

pytestmark = pytest.mark.anyio


async def test_a_handler_gets_the_event_and_what_is_known_about_it(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    await consume(connection, game, consumers)
    publisher = GameServicePublisher(connection)
    ack = await publisher.publish_won(StringValue(value="q-1"), metadata={"user": "u-42"})
    await publisher.publish_scored(Int64Value(value=7))
    await until(lambda: len(game.events) == 2)
    await all_answered(connection)

    value, context = game.events[0]
    assert (value, game.values[1]) == ("q-1", 7)
    assert context.subject == "evt.game.won.v1.q-1"
    assert context.event_id == ack.event_id
    assert context.metadata == {"user": "u-42"}
    assert (context.stream, context.sequence, context.delivery) == (STREAM, 1, 1)
    assert timedelta(0) <= datetime.now(UTC) - context.published_at < timedelta(minutes=1)
    assert (
        handled(connection, WON, "acknowledged") == handled(connection, SCORED, "acknowledged") == 1
    )


async def test_an_event_without_its_type_is_told_by_its_subject(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    await consume(connection, game, consumers)
    body = Int64Value(value=3).SerializeToString()
    await connection.jetstream.publish("evt.game.scored.v1", body)
    await until(lambda: game.values == [3])

    assert game.events[0][1].event_id == ""


async def test_what_a_handler_publishes_carries_the_trace_of_its_event_and_no_deadline(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    seen: list[float | None] = []

    async def on_event(value: str | int, context: EventContext) -> None:
        seen.append(deadline.current())
        if value == "first":
            await GameServicePublisher(connection).publish_won(StringValue(value="second"))

    game.on_event = on_event
    await consume(connection, game, consumers)
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with deadline.scope(None, traceparent):
        await GameServicePublisher(connection).publish_won(StringValue(value="first"))
    await until(lambda: game.values == ["first", "second"])

    assert [context.trace for _, context in game.events] == [traceparent, traceparent]
    assert seen == [None, None]


async def test_two_instances_share_the_events_and_each_is_handled_once(
    nats: EmbeddedNats, connection: Connection, consumers: list[Consumer]
) -> None:
    games = Game(), Game()
    async with await protonats.connect(nats.url) as other:
        await consume(connection, games[0], consumers)
        second = await consume(other, games[1], [])
        publisher = GameServicePublisher(connection)
        await asyncio.gather(
            *(publisher.publish_won(StringValue(value=f"{n}")) for n in range(500))
        )
        await until(lambda: sum(len(game.events) for game in games) >= 500)
        await all_answered(connection)
        await second.drain(1)

    assert sorted(games[0].values + games[1].values) == sorted(str(n) for n in range(500))
    assert all(game.events for game in games)


async def test_many_more_events_than_may_be_unanswered_all_arrive(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    running, most = 0, 0

    async def on_event(value: str | int, context: EventContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    game.on_event = on_event
    await consume(connection, game, consumers, max_ack_pending=7)
    publisher = GameServicePublisher(connection)
    await asyncio.gather(*(publisher.publish_scored(Int64Value(value=n)) for n in range(1000)))
    await until(lambda: len(game.events) == 1000)

    assert sorted(map(int, game.values)) == list(range(1000))
    assert most <= 7


async def test_a_slow_handler_does_not_hold_up_the_events_behind_it(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    release = asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        if value == "slow":
            await release.wait()

    game.on_event = on_event
    await consume(connection, game, consumers, max_ack_pending=2)
    publisher = GameServicePublisher(connection)
    for value in ("slow", "a", "b", "c"):
        await publisher.publish_won(StringValue(value=value))
    await until(lambda: game.values == ["slow", "a", "b", "c"])
    release.set()
    await all_answered(connection)


async def test_a_slow_handler_keeps_its_message_while_it_works(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    done = asyncio.Event()
    answers: list[bytes] = []
    await connection._transport.subscribe("$JS.ACK.>", lambda message: answers.append(message.body))

    async def on_event(value: str | int, context: EventContext) -> None:
        # Two in each time that the server waits: four times as long as it would without them.
        await until(lambda: answers.count(b"+WPI") >= 8)
        await context.in_progress()
        done.set()

    game.on_event = on_event
    await consume(connection, game, consumers, ack_wait_seconds=0.5)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(done.is_set)
    await all_answered(connection)

    assert [context.delivery for _, context in game.events] == [1]


@pytest.mark.parametrize("trace", ["nonsense", "00-0-0-0", "x" * 10_000])
async def test_a_trace_context_that_is_none_is_left_out(
    connection: Connection, game: Game, consumers: list[Consumer], trace: str
) -> None:
    await consume(connection, game, consumers)
    body = Int64Value(value=3).SerializeToString()
    await connection.jetstream.publish("evt.game.scored.v1", body, headers={"traceparent": trace})
    await until(lambda: game.values == [3])
    assert game.events[0][1].trace is None
