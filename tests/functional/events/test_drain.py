"""The end of a consumer."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats import Connection, EventContext
from protonats._consuming.consumer import Consumer
from tests.functional.consuming import (
    consume,
    handled,
    unanswered,
)
from tests.functional.game import (
    WON,
    Game,
    GameServicePublisher,
    until,
)

pytestmark = pytest.mark.anyio


async def test_a_drain_waits_for_running_handlers_and_takes_nothing_new(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    release = asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        await release.wait()
        # Calls and events of its own still go out.
        await GameServicePublisher(connection).publish_won(StringValue(value="after"))

    game.on_event = on_event
    consumer = await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="running"))
    await until(lambda: game.values == ["running"])
    drain = asyncio.create_task(consumer.drain(20))
    await until(lambda: consumer._pull is not None and consumer._pull._subscription is None)
    assert not drain.done()
    release.set()
    await drain

    assert game.values == ["running"]
    assert handled(connection, WON, "acknowledged") == 1

    async def one_is_left() -> bool:
        return await unanswered(connection) == 1

    await until(one_is_left)


async def test_what_does_not_end_within_the_grace_period_goes_to_another_instance_at_once(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    async def on_event(value: str | int, context: EventContext) -> None:
        await asyncio.Event().wait()

    game.on_event = on_event
    consumer = await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: game.values == ["a"])
    started = asyncio.get_running_loop().time()
    await consumer.drain(0.2)
    assert 0.2 <= asyncio.get_running_loop().time() - started < 5
    assert handled(connection, WON, "abandoned") == 1

    other = Game()
    await consume(connection, other, consumers)
    await until(lambda: other.values == ["a"])
    assert other.events[0][1].delivery == 2


async def test_a_consumer_that_ended_hears_of_no_reconnect(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    consumer = await consume(connection, game, consumers)
    assert connection._on_restored
    await consumer.drain(0)
    assert not connection._on_restored


async def test_a_consumer_that_ends_asks_for_no_more(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    release, asked = asyncio.Event(), list[bytes]()

    async def on_event(value: str | int, context: EventContext) -> None:
        await release.wait()

    game.on_event = on_event
    consumer = await consume(connection, game, consumers, max_ack_pending=1)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: game.values == ["a"])
    drain = asyncio.create_task(consumer.drain(20))
    await until(lambda: consumer._pull is not None and consumer._pull._subscription is None)
    await connection._transport.subscribe(
        "$JS.API.CONSUMER.MSG.NEXT.>", lambda message: asked.append(message.body)
    )
    await connection._transport.barrier()
    release.set()
    await drain
    await connection._transport.barrier()

    assert asked == []
