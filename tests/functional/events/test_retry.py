"""Events that were not handled, and are delivered again."""

from __future__ import annotations

import asyncio
import logging

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats import Connection, EventContext, RetryEvent
from protonats._consuming.consumer import Consumer
from protonats.testing import EmbeddedNats
from tests.functional.consuming import (
    all_answered,
    consume,
    handled,
)
from tests.functional.game import (
    WON,
    Game,
    GameServicePublisher,
    until,
)

pytestmark = pytest.mark.anyio


async def test_a_failed_event_is_delivered_again_after_each_back_off(
    connection: Connection, game: Game, consumers: list[Consumer], caplog: pytest.LogCaptureFixture
) -> None:
    times: list[float] = []

    async def on_event(value: str | int, context: EventContext) -> None:
        times.append(asyncio.get_running_loop().time())
        if context.delivery < 3:
            raise ValueError("not yet")

    game.on_event = on_event
    await consume(connection, game, consumers, backoff_seconds=[0.1, 0.4])
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: len(times) == 3)
    await all_answered(connection)

    assert [context.delivery for _, context in game.events] == [1, 2, 3]
    assert len({context.event_id for _, context in game.events}) == 1
    assert 0.1 <= times[1] - times[0] < 0.4 <= times[2] - times[1]
    assert handled(connection, WON, "retried") == 2
    assert handled(connection, WON, "acknowledged") == 1
    record = next(r for r in caplog.records if r.message == f"the handler of {WON} failed")
    assert record.exc_info is not None
    assert (record.sequence, record.delivery) == (1, 1)  # type: ignore[attr-defined]


async def test_a_handler_can_choose_the_delay_itself(
    connection: Connection, game: Game, consumers: list[Consumer], caplog: pytest.LogCaptureFixture
) -> None:
    times: list[float] = []

    async def on_event(value: str | int, context: EventContext) -> None:
        times.append(asyncio.get_running_loop().time())
        if context.delivery == 1:
            raise RetryEvent(delay=0.3)

    game.on_event = on_event
    await consume(connection, game, consumers, backoff_seconds=[10])
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: len(times) == 2)

    assert 0.3 <= times[1] - times[0] < 5
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), 1e300])
async def test_a_delay_that_is_no_number_of_seconds_is_refused(delay: float) -> None:
    with pytest.raises(ValueError, match="write a number of seconds, 0 or more"):
        RetryEvent(delay=delay)


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_nothing_that_a_handler_raises_ends_the_consumer(
    connection: Connection, game: Game, consumers: list[Consumer], error: BaseException
) -> None:
    async def on_event(value: str | int, context: EventContext) -> None:
        if context.delivery == 1:
            raise error

    game.on_event = on_event
    await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: game.values == ["a", "a"])
    await all_answered(connection)


async def test_an_answer_that_cannot_be_sent_means_another_delivery() -> None:
    game, down = Game(), asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        if context.delivery == 1:
            await down.wait()

    game.on_event = on_event
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            consumer = await consume(connection, game, [], ack_wait_seconds=0.5)
            await GameServicePublisher(connection).publish_won(StringValue(value="a"))
            await until(lambda: game.values == ["a"])
            nats.stop()
            await until(lambda: not connection.is_connected)
            down.set()
            await until(lambda: handled(connection, WON, "abandoned") == 1)
            nats.start()
            await until(lambda: game.values == ["a", "a"])
            await consumer.drain(1)
