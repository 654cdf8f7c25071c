"""Messages that cannot be handled: where they go, and what is known about them there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from nats.js.api import RawStreamMsg

from protonats import Connection, EventContext, deadline, provision
from protonats._consuming.consumer import Consumer
from tests.functional.game import (
    DURABLE,
    STREAM,
    WON,
    Game,
    GameServicePublisher,
    plan,
    until,
)

pytestmark = pytest.mark.anyio

_SUBJECT = f"dlq.{STREAM}.{DURABLE}"
_BODY = StringValue(value="q-1").SerializeToString()


@pytest.fixture
async def consumer(connection: Connection, game: Game) -> AsyncIterator[Consumer]:
    await provision.apply(connection.jetstream, plan(max_deliver=2))
    consumer = Consumer(connection, Game.__protonats__.consumers[0], game)
    await consumer.start()
    yield consumer
    await consumer.drain(0)


async def dead_letter(connection: Connection, sequence: int = 1) -> RawStreamMsg:
    """The dead letter with this sequence; the message itself has come to its end by then."""
    jetstream = connection.jetstream

    async def condition() -> bool:
        letters = (await jetstream.stream_info("DLQ")).state.last_seq
        unanswered = (await jetstream.consumer_info(STREAM, DURABLE)).num_ack_pending
        return letters >= sequence and not unanswered

    await until(condition)
    return await jetstream.get_msg("DLQ", sequence)


def headers(message: RawStreamMsg) -> dict[str, str]:
    assert message.headers is not None
    return message.headers


async def test_an_event_that_fails_too_often_is_a_dead_letter_with_origin_and_error(
    connection: Connection, game: Game, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_event(value: str | int, context: EventContext) -> None:
        raise ValueError("\n no such quest")

    game.on_event = on_event
    await GameServicePublisher(connection).publish_won(
        StringValue(value="q-1"), event_id="e-1", metadata={"user": "u-42"}
    )
    letter = await dead_letter(connection)

    assert letter.subject == _SUBJECT
    assert letter.data == _BODY
    assert letter.headers == {
        "Nats-Msg-Id": f"{STREAM}.1.{DURABLE}",
        "Pn-Event": f"01-{WON}",
        "Pn-Origin-Subject": "evt.game.won.v1.q-1",
        "Pn-Origin-Id": "e-1",
        "Pn-Origin-Sequence": "1",
        "Pn-Deliveries": "2",
        "Pn-Error": "ValueError:   no such quest",
        "user": "u-42",
    }
    # The third delivery was not handed to the handler.
    assert [context.delivery for _, context in game.events] == [1, 2]
    record = next(r for r in caplog.records if r.message == "a message became a dead letter")
    assert record.levelno == logging.ERROR
    assert record.sequence == 1  # type: ignore[attr-defined]


async def test_log_lines_of_failures_say_which_event_and_which_trace(
    connection: Connection, game: Game, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_event(value: str | int, context: EventContext) -> None:
        raise ValueError("no such quest")

    game.on_event = on_event
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with deadline.scope(None, f"00-{trace_id}-{span_id}-01"):
        event = StringValue(value="q-1")
        await GameServicePublisher(connection).publish_won(event, event_id="e-1")
    await dead_letter(connection)

    records = [record.__dict__ for record in caplog.records if record.name == "protonats"]
    assert [record["message"] for record in records] == [
        f"the handler of {WON} failed",
        f"the handler of {WON} failed",
        "a message became a dead letter",
    ]
    for record in records:
        known = {name: record[name] for name in ("event_id", "trace_id", "span_id", "consumer")}
        assert known == {
            "event_id": "e-1",
            "trace_id": trace_id,
            "span_id": span_id,
            "consumer": DURABLE,
        }


async def test_dead_letters_are_counted(
    connection: Connection, game: Game, consumer: Consumer
) -> None:
    await connection.jetstream.publish("evt.game.won.v1.q-1", b"\xff")
    await dead_letter(connection)

    text = connection.metrics.render().decode()
    assert f'protonats_events_dead_lettered_total{{consumer="{DURABLE}"}} 1.0' in text
    labels = f'consumer="{DURABLE}",event="{WON}",result="dead_lettered"'
    assert f"protonats_events_handled_total{{{labels}}} 1.0" in text


@pytest.mark.parametrize(
    ("subject", "event", "body", "error"),
    [
        ("won.v1.q-1", f"01-{WON}", b"\xff\xff", f"the body cannot be read as {WON}: "),
        ("won.v1.q-1", None, b"\xff\xff", f"the body cannot be read as {WON}: "),
        (
            "won.v1.q-1",
            "01-game.Other",
            _BODY,
            "no handler takes game.Other from evt.game.won.v1.q-1",
        ),
        ("won.v1.q-1", f"02-{WON}", _BODY, f"the header Pn-Event is not readable: '02-{WON}'"),
        ("scored.v1", f"01-{WON}", _BODY, f"no handler takes {WON} from evt.game.scored.v1"),
    ],
    ids=["body", "body without type", "type", "version", "type that belongs to another subject"],
)
async def test_an_unreadable_message_is_a_dead_letter_at_once_and_no_handler_runs(
    connection: Connection,
    game: Game,
    consumer: Consumer,
    subject: str,
    event: str | None,
    body: bytes,
    error: str,
) -> None:
    lines = {} if event is None else {"Pn-Event": event}
    await connection.jetstream.publish(f"evt.game.{subject}", body, headers=lines or None)
    letter = await dead_letter(connection)

    assert letter.data == body
    assert headers(letter)["Pn-Error"].startswith(error)
    assert headers(letter)["Pn-Deliveries"] == "1"
    assert headers(letter).get("Pn-Event") == event
    assert "Pn-Origin-Id" not in headers(letter)
    assert game.events == []


async def test_the_other_events_go_on(
    connection: Connection, game: Game, consumer: Consumer
) -> None:
    await connection.jetstream.publish("evt.game.won.v1.q-1", b"\xff")
    await GameServicePublisher(connection).publish_won(StringValue(value="fine"))
    await until(lambda: game.values == ["fine"])


async def test_without_a_stream_for_dead_letters_the_message_is_kept_until_there_is_one(
    connection: Connection, game: Game, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    await connection.jetstream.delete_stream("DLQ")
    await connection.jetstream.publish("evt.game.won.v1.q-1", b"\xff")
    await until(lambda: "a dead letter is not stored" in caplog.text)
    assert f"no stream stores {_SUBJECT}" in caplog.text
    assert (await connection.jetstream.consumer_info(STREAM, DURABLE)).num_ack_pending == 1

    await connection.jetstream.add_stream(name="DLQ", subjects=["dlq.>"])
    letter = await dead_letter(connection)
    assert int(headers(letter)["Pn-Deliveries"]) > 1


async def test_a_message_whose_last_delivery_died_with_its_process_is_a_dead_letter(
    connection: Connection, game: Game
) -> None:
    """The server counts a delivery that nobody answered, and does not limit them."""
    await provision.apply(connection.jetstream, plan(max_deliver=1, ack_wait_seconds=0.3))
    await GameServicePublisher(connection).publish_won(StringValue(value="q-1"))
    lost = await connection.jetstream.pull_subscribe_bind(durable=DURABLE, stream=STREAM)
    await lost.fetch(1)

    consumer = Consumer(connection, Game.__protonats__.consumers[0], game)
    await consumer.start()
    letter = await dead_letter(connection)
    await consumer.drain(1)

    assert letter.data == _BODY
    assert headers(letter)["Pn-Deliveries"] == "1"
    assert headers(letter)["Pn-Error"] == (
        "delivered 1 times and not acknowledged; the reason is in the log of the instance that had"
        " it"
    )
    assert game.events == []
