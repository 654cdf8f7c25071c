"""Publishing events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from google.protobuf.wrappers_pb2 import BoolValue, Int64Value, StringValue

import protonats
from protonats import Code, Connection, StatusError, deadline, provision
from protonats.testing import EmbeddedNats
from tests.functional.game import STREAM, GameServicePublisher, plan, until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True, config="max_payload: 64KB") as nats:
        yield nats


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        yield connection
        for stream in ("GAME", "DLQ"):
            await connection.jetstream.delete_stream(stream)


def published(connection: Connection, event: str, result: str) -> str:
    """The line of the counter, as Prometheus reads it."""
    text = connection.metrics.render().decode()
    prefix = (
        f'protonats_events_published_total{{event="google.protobuf.{event}",result="{result}"}} '
    )
    (line,) = [line for line in text.splitlines() if line.startswith(prefix)] or ["none"]
    return line.removeprefix(prefix)


async def test_a_durable_event_is_acknowledged_with_stream_and_sequence(
    connection: Connection,
) -> None:
    publisher = GameServicePublisher(connection)

    first = await publisher.publish_won(StringValue(value="a"))
    second = await publisher.publish_won(StringValue(value="b"))

    assert (first.stream, first.sequence, first.duplicate) == (STREAM, 1, False)
    assert second.sequence == 2
    assert len(first.event_id) == 32
    assert first.event_id != second.event_id
    assert published(connection, "StringValue", "acknowledged") == "2.0"


async def test_the_stored_event_has_the_subject_and_headers_of_the_protocol(
    connection: Connection,
) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with deadline.scope(None, traceparent):
        await GameServicePublisher(connection).publish_won(
            StringValue(value="q-1"), metadata={"user": "u-42"}, event_id="e-1"
        )

    stored = await connection.jetstream.get_msg(STREAM, 1)
    assert stored.subject == "evt.game.won.v1.q-1"
    assert stored.data == StringValue(value="q-1").SerializeToString()
    assert stored.headers == {
        "Nats-Msg-Id": "e-1",
        "Pn-Event": "01-google.protobuf.StringValue",
        "traceparent": traceparent,
        "user": "u-42",
    }


async def test_an_event_without_a_key_goes_to_its_plain_subject(connection: Connection) -> None:
    await GameServicePublisher(connection).publish_scored(Int64Value(value=7))

    assert (await connection.jetstream.get_msg(STREAM, 1)).subject == "evt.game.scored.v1"


async def test_a_second_event_with_the_same_id_is_a_success_and_a_duplicate(
    connection: Connection,
) -> None:
    publisher = GameServicePublisher(connection)
    first = await publisher.publish_won(StringValue(value="a"), event_id="e-1")
    again = await publisher.publish_won(StringValue(value="a"), event_id="e-1")

    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.sequence == first.sequence
    assert published(connection, "StringValue", "duplicate") == "1.0"


async def test_an_event_that_is_not_durable_is_sent_to_whoever_listens(
    connection: Connection,
) -> None:
    received: list[bytes] = []
    replies: list[str] = []

    def take(message: object) -> None:
        received.append(message.body)  # type: ignore[attr-defined]
        replies.append(message.reply)  # type: ignore[attr-defined]

    subscription = await connection._transport.subscribe("evt.game.ticked.v1", take)
    await connection._transport.barrier()
    ack = await GameServicePublisher(connection).publish_ticked(BoolValue(value=True))
    await until(lambda: received)

    assert (ack.stream, ack.sequence, ack.duplicate) == (None, None, False)
    assert received == [BoolValue(value=True).SerializeToString()]
    assert replies == [""]
    assert published(connection, "BoolValue", "sent") == "1.0"
    await connection._transport.unsubscribe(subscription)


async def test_no_stream_is_a_failed_precondition_that_says_what_to_run(
    connection: Connection,
) -> None:
    await connection.jetstream.update_stream(name=STREAM, subjects=["evt.other.>"])

    with pytest.raises(StatusError) as caught:
        await GameServicePublisher(connection).publish_won(StringValue(value="a"))

    assert caught.value.code is Code.FAILED_PRECONDITION
    assert caught.value.message == (
        "no stream stores evt.game.won.v1.a: create it with"
        " `python -m protonats.provision generated/deploy/nats/jetstream.json`"
    )
    assert published(connection, "StringValue", "failed_precondition") == "1.0"


@pytest.mark.parametrize("key", ["", "a.b", "a b", "*", ">", "a\n"])
async def test_a_key_that_is_no_token_is_refused_before_anything_is_sent(
    connection: Connection, key: str
) -> None:
    with pytest.raises(StatusError, match="field value stands in a subject") as caught:
        await GameServicePublisher(connection).publish_won(StringValue(value=key))

    assert caught.value.code is Code.INVALID_ARGUMENT
    assert (await connection.jetstream.stream_info(STREAM)).state.messages == 0


@pytest.mark.parametrize("event_id", ["", "a\r\nb: c", "x" * 129])
async def test_an_event_id_that_cannot_be_a_header_is_refused(
    connection: Connection, event_id: str
) -> None:
    with pytest.raises(StatusError, match="an event id is 1 to 128 characters") as caught:
        await GameServicePublisher(connection).publish_won(
            StringValue(value="a"), event_id=event_id
        )
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_reserved_metadata_is_refused(connection: Connection) -> None:
    with pytest.raises(StatusError, match="metadata name 'pn-event'") as caught:
        await GameServicePublisher(connection).publish_scored(
            Int64Value(value=1), metadata={"pn-event": "x"}
        )
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_an_event_above_max_payload_is_resource_exhausted(connection: Connection) -> None:
    # 70,000 bytes in a field that this version of the schema does not know.
    event = StringValue.FromString(b"\x0a\x01a\x12\xf0\xa2\x04" + b"x" * 70_000)
    with pytest.raises(StatusError, match="max_payload") as caught:
        await GameServicePublisher(connection).publish_won(event)
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert connection.is_connected


async def test_a_stream_that_is_full_is_resource_exhausted(connection: Connection) -> None:
    config = (await connection.jetstream.stream_info(STREAM)).config
    await connection.jetstream.update_stream(config.evolve(max_msgs=1, discard="new"))
    await publish_won(connection, "a")

    with pytest.raises(
        StatusError, match=r"the stream refuses evt.game.won.v1.b: maximum messages" " exceeded"
    ) as caught:
        await publish_won(connection, "b")
    assert caught.value.code is Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("answer", [b"hello", b'{"stream":"GAME", "seq":%s}' % (b"1" * 5000)])
async def test_an_answer_that_is_no_acknowledgement_is_a_defect(
    connection: Connection, answer: bytes
) -> None:
    # As of now it is known how the stream acknowledges.
    await publish_won(connection, "a")
    await connection.jetstream.update_stream(name=STREAM, subjects=["evt.other.>"])

    def meddle(message: object) -> None:
        connection._transport.publish(message.reply, answer)  # type: ignore[attr-defined]

    subscription = await connection._transport.subscribe("evt.game.won.v1.a", meddle)
    await connection._transport.barrier()
    with pytest.raises(StatusError, match="is no acknowledgement of a stream") as caught:
        await publish_won(connection, "a")
    assert caught.value.code is Code.INTERNAL
    await connection._transport.unsubscribe(subscription)


async def test_without_an_acknowledgement_the_deadline_of_the_running_call_ends_the_wait(
    connection: Connection,
) -> None:
    await connection.jetstream.update_stream(name=STREAM, subjects=["evt.other.>"])
    subscription = await connection._transport.subscribe("evt.game.won.v1.a", lambda _: None)
    await connection._transport.barrier()

    started = asyncio.get_running_loop().time()
    with deadline.scope(started + 0.1), pytest.raises(StatusError) as caught:
        await publish_won(connection, "a")

    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert 0.09 < asyncio.get_running_loop().time() - started < 2
    await connection._transport.unsubscribe(subscription)


async def test_without_a_connection_publishing_fails_at_once_and_nothing_is_sent_later() -> None:
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            await provision.apply(connection.jetstream, plan())
            nats.stop()
            await until(lambda: not connection.is_connected)
            for publish in (
                GameServicePublisher(connection).publish_won(StringValue(value="a")),
                GameServicePublisher(connection).publish_ticked(BoolValue(value=True)),
            ):
                with pytest.raises(StatusError) as caught:
                    await publish
                assert caught.value.code is Code.UNAVAILABLE

            nats.start()
            await until(lambda: connection.is_connected)
            assert (await publish_won(connection, "b")).sequence == 1


async def test_an_event_that_the_user_may_not_publish_is_permission_denied() -> None:
    config = """
        accounts { A { jetstream: enabled, users: [
          { user: game, password: x, permissions: {
            publish: { deny: "evt.game.won.>" }, subscribe: { allow: "_INBOX.game.>" } } } ] } }
        """
    with EmbeddedNats(jetstream=True, config=config) as nats:
        settings = protonats.ConnectionSettings(
            servers=(nats.url.replace("//", "//game:x@"),), name="game"
        )
        async with await protonats.connect(settings) as connection:
            with pytest.raises(StatusError) as caught:
                await publish_won(connection, "a")
    assert caught.value.code is Code.PERMISSION_DENIED


async def publish_won(connection: Connection, value: str) -> protonats.PublishAck:
    return await GameServicePublisher(connection).publish_won(StringValue(value=value))
