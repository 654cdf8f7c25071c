"""The JetStream of one process does what that of a nats-server does: each test runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import nats.js.errors
import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import provision
from protonats.application import Application
from protonats.connection import Connection, connect
from protonats.dead_letters import DeadLetters
from protonats.key_value import KeyValue
from protonats.testing import EmbeddedNats, LocalPlatform
from tests.functional.game import (
    STREAM,
    Game,
    GameServiceEvents,
    GameServicePublisher,
    plan,
    until,
)

pytestmark = pytest.mark.anyio

BUCKET = {"buckets": [{"name": "doors", "history": 3}]}


@pytest.fixture(params=["in process", "nats-server"])
async def connection(request: pytest.FixtureRequest) -> AsyncIterator[Connection]:
    if request.param == "in process":
        async with LocalPlatform(plan={"streams": []}) as platform:
            yield platform.connection
    else:
        async with EmbeddedNats(jetstream=True) as server, await connect(server.url) as connection:
            yield connection


class Serving(Application):
    """Serves on a connection that there is."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(protonats.Settings(health_address=None, grace_period=0.2))
        self._given = connection

    async def _connect(self) -> Connection:
        return self._given


async def test_a_plan_is_applied_once(connection: Connection) -> None:
    everything = plan() | BUCKET
    changes = await provision.apply(connection.jetstream, everything)
    assert {change.action for change in changes} == {"created"}
    changes = await provision.apply(connection.jetstream, everything)
    assert {change.action for change in changes} == {"unchanged"}
    changes = await provision.apply(connection.jetstream, plan(max_ack_pending=7))
    assert [change.action for change in changes] == ["unchanged", "unchanged", "updated"]


async def test_what_a_plan_may_not_do_is_refused(connection: Connection) -> None:
    await provision.apply(connection.jetstream, plan())
    overlap = {"streams": [{"name": "OTHER", "subjects": ["evt.*.won.>"]}]}
    with pytest.raises(protonats.ConfigurationError, match="subjects overlap"):
        await provision.apply(connection.jetstream, overlap)
    retention = {"streams": [{"name": "DLQ", "subjects": ["dlq.>"], "retention": "work_queue"}]}
    with pytest.raises(protonats.ConfigurationError, match="retention policy"):
        await provision.apply(connection.jetstream, retention)


async def test_events_are_stored_once(connection: Connection) -> None:
    publisher = GameServicePublisher(connection)
    with pytest.raises(protonats.StatusError) as failure:
        await publisher.publish_won(StringValue(value="ann"))
    assert failure.value.code is protonats.Code.FAILED_PRECONDITION

    await provision.apply(connection.jetstream, plan())
    first = await publisher.publish_won(StringValue(value="ann"), event_id="one")
    again = await publisher.publish_won(StringValue(value="ann"), event_id="one")
    other = await publisher.publish_won(StringValue(value="ann"), event_id="two")
    assert (first.stream, first.sequence, first.duplicate) == (STREAM, 1, False)
    assert (again.sequence, again.duplicate) == (1, True)
    assert other.sequence == 2
    info = await connection.jetstream.stream_info(STREAM)
    assert (info.state.messages, info.state.last_seq) == (2, 2)


async def test_stored_events_are_read_again(connection: Connection) -> None:
    await provision.apply(connection.jetstream, plan())
    publisher = GameServicePublisher(connection)
    begin = datetime.now(UTC)
    for name in ("ann", "bob", "ann"):
        await publisher.publish_won(StringValue(value=name), metadata={"from": name})
        await publisher.publish_scored(Int64Value(value=1))

    async def found(**position: object) -> list[tuple[str, int]]:
        events = protonats.replay(connection, GameServiceEvents.won, **position)  # type: ignore[arg-type]
        return [(event.value, context.sequence) async for event, context in events]

    assert await found() == [("ann", 1), ("bob", 3), ("ann", 5)]
    assert await found(sequence=2) == [("bob", 3), ("ann", 5)]
    assert await found(key="ann") == [("ann", 1), ("ann", 5)]
    assert await found(last_per_subject=True) == [("bob", 3), ("ann", 5)]
    assert await found(since=begin) == [("ann", 1), ("bob", 3), ("ann", 5)]
    async for event, context in protonats.replay(connection, GameServiceEvents.won):
        assert context.metadata == {"from": event.value}
        assert abs(context.published_at - begin).total_seconds() < 5


async def test_a_failing_event_comes_again_and_becomes_a_dead_letter(
    connection: Connection,
) -> None:
    await provision.apply(connection.jetstream, plan())
    game = Game()
    deliveries: list[int] = []

    async def fail(value: str | int, context: protonats.EventContext) -> None:
        deliveries.append(context.delivery)
        if not context.replayed:
            raise ValueError("no")

    game.on_event = fail
    async with Serving(connection) as application:
        await application.serve(game)
        await GameServicePublisher(connection).publish_won(StringValue(value="ann"))
        letters = DeadLetters(connection)

        async def one_letter() -> bool:
            return len([letter async for letter in letters.list()]) == 1

        await until(one_letter)
        assert deliveries == [1, 2, 3]
        (letter,) = [letter async for letter in letters.list()]
        assert letter.error == "ValueError: no"
        assert letter.origin_subject == "evt.game.won.v1.ann"

        await letters.replay(letter)
        await until(lambda: len(deliveries) == 4)
        assert [letter async for letter in letters.list()] == []
        # The answer to the delivery is on its way until then.
        await until(lambda: _all_answered(connection))


async def _all_answered(connection: Connection) -> bool:
    info = await connection.jetstream.consumer_info(STREAM, "game_events")
    return bool(info.num_ack_pending == 0 and info.num_pending == 0)


@pytest.mark.parametrize("retention", ["work_queue", "interest"])
async def test_what_is_handled_is_not_kept(connection: Connection, retention: str) -> None:
    everything = plan()
    everything["streams"][0]["retention"] = retention
    await provision.apply(connection.jetstream, everything)
    publisher, game = GameServicePublisher(connection), Game()
    await publisher.publish_won(StringValue(value="ann"))
    assert (await connection.jetstream.stream_info(STREAM)).state.messages == 1
    async with Serving(connection) as application:
        await application.serve(game)
        await publisher.publish_won(StringValue(value="bob"))

        async def nothing_left() -> bool:
            info = await connection.jetstream.stream_info(STREAM)
            return bool(info.state.messages == 0)

        await until(nothing_left)
    assert game.values == ["ann", "bob"]


async def test_what_is_too_large_for_a_stream_is_refused(connection: Connection) -> None:
    everything = plan()
    everything["streams"][0]["max_message_bytes"] = 1000
    await provision.apply(connection.jetstream, everything)
    publisher = GameServicePublisher(connection)
    event = StringValue(value="x" * 500)
    await publisher.publish_won(event)
    with pytest.raises(protonats.StatusError, match="message size exceeds") as failure:
        await publisher.publish_won(event, metadata={"more": "y" * 500})
    assert failure.value.code is protonats.Code.RESOURCE_EXHAUSTED


async def test_a_bucket_notices_conflicts(connection: Connection) -> None:
    with pytest.raises(protonats.StatusError, match="no key-value bucket"):
        await KeyValue.open(connection, "doors")
    await provision.apply(connection.jetstream, BUCKET)
    doors = await KeyValue.open(connection, "doors")

    assert (await doors.read("front")).value is None
    revision = await doors.write("front", b"open", after=0)
    assert revision == 1
    assert await doors.write("front", b"shut", after=0) is None
    assert await doors.write("front", b"shut", after=revision) == 2
    entry = await doors.read("front")
    assert (entry.value, entry.revision) == (b"shut", 2)
    for value in (b"a", b"b", b"c"):
        entry = await doors.read("front")
        assert await doors.write("front", value, after=entry.revision)
    info = await connection.jetstream.stream_info("KV_doors")
    assert info.state.messages == 3


async def test_what_is_missing_is_not_found(connection: Connection) -> None:
    jetstream = connection.jetstream
    with pytest.raises(nats.js.errors.NotFoundError):
        await jetstream.stream_info("NONE")
    with pytest.raises(nats.js.errors.NotFoundError):
        await jetstream.find_stream_name_by_subject("evt.game.won.v1.*")
    await provision.apply(jetstream, plan())
    assert await jetstream.find_stream_name_by_subject("evt.game.won.v1.*") == STREAM
    with pytest.raises(nats.js.errors.NotFoundError):
        await jetstream.consumer_info(STREAM, "none")
    with pytest.raises(nats.js.errors.APIError) as failure:
        await jetstream.delete_msg(STREAM, 5)
    assert failure.value.err_code == 10057
    await jetstream.delete_consumer(STREAM, "game_events")
    await jetstream.delete_stream(STREAM)
    assert [stream.config.name for stream in await jetstream.streams_info()] == ["DLQ"]
