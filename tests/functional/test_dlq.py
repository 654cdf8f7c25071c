"""Dead letters in the hands of a program: list, get, replay, purge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats import (
    Code,
    Connection,
    DeadLetter,
    DeadLetters,
    EventContext,
    StatusError,
    _codegen,
    provision,
)
from protonats._consuming.consumer import Consumer
from protonats.testing import EmbeddedNats
from tests.functional.consuming import INFO, all_answered
from tests.functional.game import (
    DURABLE,
    STREAM,
    WON,
    Game,
    GameServiceEvents,
    GameServicePublisher,
    plan,
    until,
)

pytestmark = pytest.mark.anyio

_LIMIT = 64 * 1024


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True, config=f"max_payload: {_LIMIT}") as nats:
        yield nats


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan(max_deliver=1))
        yield connection
        for stream in await connection.jetstream.streams_info():
            await connection.jetstream.delete_stream(str(stream.config.name))


@pytest.fixture
def game() -> Game:
    """Cannot handle an event that was not replayed."""

    async def on_event(value: str | int, context: EventContext) -> None:
        if not context.replayed:
            raise ValueError("no such quest")

    game = Game()
    game.on_event = on_event
    return game


@pytest.fixture
async def consumer(connection: Connection, game: Game) -> AsyncIterator[Consumer]:
    consumer = Consumer(connection, INFO, game)
    await consumer.start()
    yield consumer
    await consumer.drain(0)


async def win(connection: Connection, *values: str, **options: Any) -> None:
    for value in values:
        await GameServicePublisher(connection).publish_won(StringValue(value=value), **options)


async def found(connection: Connection, **filters: Any) -> list[DeadLetter]:
    return [letter async for letter in DeadLetters(connection).list(**filters)]


async def buried(connection: Connection, count: int) -> list[DeadLetter]:
    async def condition() -> bool:
        return len(await found(connection)) == count

    await until(condition)
    await all_answered(connection)
    return await found(connection)


async def test_a_dead_letter_says_what_happened_to_which_message(
    connection: Connection, consumer: Consumer
) -> None:
    await win(connection, "q-1", event_id="e-1", metadata={"user": "u-42"})
    (letter,) = await buried(connection, 1)

    assert (letter.sequence, letter.stream, letter.consumer) == (1, STREAM, DURABLE)
    assert (letter.origin_sequence, letter.origin_subject) == (1, "evt.game.won.v1.q-1")
    assert (letter.event, letter.event_id, letter.deliveries) == (WON, "e-1", 1)
    assert letter.error == "ValueError: no such quest"
    assert letter.metadata == {"user": "u-42"}
    assert StringValue.FromString(letter.body).value == "q-1"
    assert timedelta(0) <= datetime.now(UTC) - letter.buried_at < timedelta(minutes=1)
    assert await DeadLetters(connection).get(1) == letter


async def test_dead_letters_are_filtered(connection: Connection, consumer: Consumer) -> None:
    await win(connection, "a")
    await buried(connection, 1)
    middle = datetime.now(UTC)
    await connection.jetstream.publish("evt.game.scored.v1", b"\xff")
    await buried(connection, 2)

    async def numbers(**filters: Any) -> list[int]:
        return [letter.sequence for letter in await found(connection, **filters)]

    assert await numbers() == [1, 2]
    assert await numbers(event=WON) == [1]
    assert await numbers(since=middle) == [2]
    assert await numbers(until=middle) == [1]
    assert await numbers(stream=STREAM, consumer=DURABLE) == [1, 2]
    assert await numbers(stream="OTHER") == []
    assert await numbers(consumer="other") == []


class Other(Game):
    """Another consumer of the same events."""

    __protonats__: ClassVar = _codegen.ServiceInfo(
        name="other",
        full_name="other.v1.OtherService",
        domain="other",
        version="1.0.0",
        description="Looks on.",
        methods=(),
        consumers=(
            _codegen.ConsumerInfo(
                durable="other",
                handlers=(
                    _codegen.HandlerInfo(python_name="on_won", event=GameServiceEvents.won),
                    _codegen.HandlerInfo(python_name="on_scored", event=GameServiceEvents.scored),
                ),
            ),
        ),
    )


async def test_a_replay_reaches_the_consumer_that_failed_and_no_other(
    connection: Connection, game: Game, consumer: Consumer
) -> None:
    await provision.apply(connection.jetstream, {"consumers": plan(durable="other")["consumers"]})
    other = Other()
    looking_on = Consumer(connection, Other.__protonats__.consumers[0], other)
    await looking_on.start()
    await win(connection, "q-1", event_id="e-1", metadata={"user": "u-42"})
    (letter,) = await buried(connection, 1)

    ack = await DeadLetters(connection).replay(letter)
    assert (ack.stream, ack.sequence, ack.duplicate) == (STREAM, 2, False)
    await until(lambda: len(game.events) == 2)
    await win(connection, "q-2")
    await until(lambda: other.has("q-2"))
    await looking_on.drain(1)

    value, context = game.events[1]
    assert (value, context.replayed, context.sequence) == ("q-1", True, 2)
    # It is the same event, whatever id the stream knows it by now.
    assert context.event_id == "e-1"
    assert context.metadata == {"user": "u-42"}
    assert other.values == ["q-1", "q-2"]
    metrics = connection.metrics.render().decode()
    assert '{consumer="other",event="unknown",result="skipped"} 1.0' in metrics


async def test_a_replay_that_no_consumer_can_read_is_a_dead_letter_of_one(
    connection: Connection, game: Game, consumer: Consumer
) -> None:
    await connection.jetstream.publish("evt.game.won.v1.q-1", b"\xff")
    (letter,) = await buried(connection, 1)
    await provision.apply(connection.jetstream, {"consumers": plan(durable="other")["consumers"]})
    await DeadLetters(connection).replay(letter)
    looking_on = Consumer(connection, Other.__protonats__.consumers[0], Other())
    await looking_on.start()
    # Its own dead letter of the first message, and the other consumer's of the second.
    letters = await buried(connection, 2)
    await looking_on.drain(1)

    assert {(letter.consumer, letter.origin_sequence) for letter in letters} == {
        (DURABLE, 2),
        ("other", 1),
    }


@pytest.mark.parametrize("origin", ["$JS.API.STREAM.DELETE.GAME", "evt.>", "svc.game.v1.say"])
async def test_a_dead_letter_does_not_choose_where_its_replay_is_published(
    connection: Connection, consumer: Consumer, origin: str
) -> None:
    """It was written by a service, and is replayed with the rights of an operator."""
    await win(connection, "q-1")
    (letter,) = await buried(connection, 1)
    with pytest.raises(StatusError) as raised:
        await DeadLetters(connection).replay(replace(letter, origin_subject=origin))
    assert raised.value.code is Code.PERMISSION_DENIED
    assert await found(connection) == [letter]


async def test_a_replay_takes_the_dead_letter_away_and_happens_once(
    connection: Connection, game: Game, consumer: Consumer
) -> None:
    await win(connection, "q-1")
    (letter,) = await buried(connection, 1)
    letters = DeadLetters(connection)

    assert not (await letters.replay(letter, keep=True)).duplicate
    assert await found(connection) == [letter]
    assert (await letters.replay(letter)).duplicate
    assert await found(connection) == []
    await all_answered(connection)
    assert game.values == ["q-1", "q-1"]


async def test_what_fails_again_is_a_new_dead_letter(
    connection: Connection, game: Game, consumer: Consumer
) -> None:
    async def on_event(value: str | int, context: EventContext) -> None:
        raise ValueError("still not")

    game.on_event = on_event
    await win(connection, "q-1", event_id="e-1")
    (letter,) = await buried(connection, 1)
    await DeadLetters(connection).replay(letter)
    await until(lambda: len(game.events) == 2)
    (again,) = await buried(connection, 1)

    assert (again.origin_sequence, again.event_id) == (2, "e-1")
    assert not (await DeadLetters(connection).replay(again)).duplicate


async def test_a_message_that_had_filled_the_limit_loses_nothing(
    connection: Connection, game: Game, consumer: Consumer
) -> None:
    """Its dead letter says more about it, and has no room for that."""
    room = _LIMIT - len(b"NATS/1.0\r\n\r\n") - len(f"Pn-Event: 01-{WON}\r\n")
    # An unknown field, so that the key stays short.
    event = StringValue(value="q-1").SerializeToString() + b"\x12\x80\x80\x04"
    body = event[:-3] + _varint(room - len(event)) + bytes(room - len(event))
    await connection.jetstream.publish(
        "evt.game.won.v1.q-1", body, headers={"Pn-Event": f"01-{WON}"}
    )
    (letter,) = await buried(connection, 1)
    assert not letter.complete

    whole = await DeadLetters(connection).get(letter.sequence)
    assert whole.complete
    assert whole.body == body
    with pytest.raises(StatusError, match="max_payload") as caught:
        await DeadLetters(connection).replay(letter)
    assert caught.value.code is Code.RESOURCE_EXHAUSTED

    await DeadLetters(connection).purge(letter)
    assert (await connection.jetstream.stream_info("DLQ")).state.messages == 0


def _varint(number: int) -> bytes:
    return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80, number >> 14))


async def test_a_purged_dead_letter_is_gone_and_purging_it_again_is_no_error(
    connection: Connection, consumer: Consumer
) -> None:
    await win(connection, "a", "b")
    first, second = await buried(connection, 2)
    letters = DeadLetters(connection)
    for _ in range(2):
        await letters.purge(first)

    assert await found(connection) == [second]
    with pytest.raises(StatusError, match="there is no dead letter 1 in DLQ") as caught:
        await letters.get(first.sequence)
    assert caught.value.code is Code.NOT_FOUND


async def test_what_is_no_dead_letter_is_passed_over(
    connection: Connection, consumer: Consumer
) -> None:
    await connection.jetstream.publish("dlq.a.b", b"x")
    await connection.jetstream.publish("dlq.a.b", b"x", headers={"Nats-Msg-Id": "nonsense"})
    await win(connection, "a")
    (letter,) = await buried(connection, 1)

    assert letter.sequence == 3


async def test_without_a_stream_of_dead_letters_it_is_said_what_creates_it(
    connection: Connection,
) -> None:
    await connection.jetstream.delete_stream("DLQ")
    with pytest.raises(StatusError, match="no stream stores dlq") as caught:
        await found(connection)
    assert caught.value.code is Code.FAILED_PRECONDITION
