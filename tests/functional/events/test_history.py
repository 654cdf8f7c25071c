"""Reading stored events from any point in the past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import Code, Connection, StatusError, provision
from protonats._consuming import stored
from protonats.history import UnreadableEvent
from protonats.testing import EmbeddedNats
from tests.functional.game import STREAM, GameServiceEvents, GameServicePublisher, plan, until

pytestmark = pytest.mark.anyio

_SCORED = GameServiceEvents.scored
_WON = GameServiceEvents.won


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        yield connection
        for stream in (STREAM, "DLQ"):
            await connection.jetstream.delete_stream(stream)


async def score(connection: Connection, *values: int) -> None:
    publisher = GameServicePublisher(connection)
    await protonats.publish_all(
        publisher.publish_scored(Int64Value(value=value)) for value in values
    )


async def win(connection: Connection, *values: str) -> None:
    publisher = GameServicePublisher(connection)
    await protonats.publish_all(publisher.publish_won(StringValue(value=value)) for value in values)


async def scores(connection: Connection, **options: Any) -> list[int]:
    return [event.value async for event, _ in protonats.replay(connection, _SCORED, **options)]


async def wins(connection: Connection, **options: Any) -> list[str]:
    return [event.value async for event, _ in protonats.replay(connection, _WON, **options)]


async def test_all_events_of_one_kind_come_in_their_order(connection: Connection) -> None:
    await score(connection, *range(600))
    await win(connection, "a")

    assert await scores(connection) == list(range(600))
    assert await wins(connection) == ["a"]


async def test_what_is_known_about_an_event_comes_with_it(connection: Connection) -> None:
    publisher = GameServicePublisher(connection)
    await publisher.publish_won(StringValue(value="a"), event_id="e-1", metadata={"user": "u-42"})
    ((_, context),) = [pair async for pair in protonats.replay(connection, _WON)]

    assert (context.subject, context.event_id) == ("evt.game.won.v1.a", "e-1")
    assert (context.stream, context.sequence, context.delivery) == (STREAM, 1, 0)
    assert context.metadata == {"user": "u-42"}
    assert timedelta(0) <= datetime.now(UTC) - context.published_at < timedelta(minutes=1)
    assert not context.replayed
    await context.in_progress()


async def test_reading_begins_at_a_sequence_or_behind_it(connection: Connection) -> None:
    await score(connection, 1, 2)
    await win(connection, "a")
    await score(connection, 4)

    assert await scores(connection, sequence=2) == [2, 4]
    assert await scores(connection, sequence=3) == [4]
    assert await scores(connection, sequence=5) == []


async def test_reading_begins_at_a_time(connection: Connection) -> None:
    await score(connection, 1)
    ((_, first),) = [pair async for pair in protonats.replay(connection, _SCORED)]
    await until(lambda: datetime.now(UTC) > first.published_at)
    middle = datetime.now(UTC)
    await score(connection, *range(2, 300))

    assert await scores(connection, since=middle) == list(range(2, 300))
    assert len(await scores(connection, since=middle - timedelta(hours=1))) == 299
    assert await scores(connection, since=datetime.now(UTC) + timedelta(hours=1)) == []


async def test_one_key_alone_and_the_newest_of_each_key(connection: Connection) -> None:
    await win(connection, "a", "b", "a", "c")

    assert await wins(connection, key="a") == ["a", "a"]
    contexts = [
        context async for _, context in protonats.replay(connection, _WON, last_per_subject=True)
    ]
    assert [context.sequence for context in contexts] == [2, 3, 4]
    assert await wins(connection, key="b", last_per_subject=True) == ["b"]


@pytest.mark.parametrize("last_per_subject", [False, True])
async def test_following_goes_on_with_what_comes_later(
    connection: Connection, last_per_subject: bool
) -> None:
    seen: list[str] = []

    async def follow() -> None:
        events = protonats.replay(connection, _WON, follow=True, last_per_subject=last_per_subject)
        async for event, _ in events:
            seen.append(event.value)

    await win(connection, "a", "b")
    task = asyncio.create_task(follow())
    await until(lambda: seen == ["a", "b"])
    await win(connection, "c", "c", "a")
    await until(lambda: len(seen) == 5)
    task.cancel()

    assert seen == ["a", "b", "c", "c", "a"]


async def test_nothing_is_left_out_or_comes_twice_when_the_broker_is_restarted() -> None:
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            await provision.apply(connection.jetstream, plan())
            await score(connection, *range(2000))
            seen: list[int] = []
            async for event, _ in protonats.replay(connection, _SCORED, stream=STREAM):
                seen.append(event.value)
                if len(seen) == 300:
                    nats.kill()
                    await until(lambda: not connection.is_connected)
                    nats.start()
    assert seen == list(range(2000))


async def test_a_gap_is_noticed_and_read_again(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, lost = stored._Fetch._receive, 0

    def lose_some(self: stored._Fetch, message: Any) -> None:
        nonlocal lost
        if len(self.messages) == 10 and lost < 3:
            lost += 1
            return
        receive(self, message)

    monkeypatch.setattr(stored._Fetch, "_receive", lose_some)
    await score(connection, *range(50))

    assert await scores(connection) == list(range(50))
    assert lost == 3


async def test_what_a_publisher_says_in_the_servers_name_changes_nothing(
    connection: Connection,
) -> None:
    forged = {"Nats-Sequence": "77", "Nats-Last-Sequence": "76", "Nats-Subject": "x"}
    body = Int64Value(value=1).SerializeToString()
    await connection.jetstream.publish("evt.game.scored.v1", body, headers=forged)
    await score(connection, 2)
    pairs = [pair async for pair in protonats.replay(connection, _SCORED)]

    assert [(event.value, context.sequence) for event, context in pairs] == [(1, 1), (2, 2)]
    assert pairs[0][1].subject == "evt.game.scored.v1"


async def test_an_event_that_cannot_be_read_is_named(connection: Connection) -> None:
    await score(connection, 1)
    await connection.jetstream.publish("evt.game.scored.v1", b"\xff")
    await score(connection, 3)

    with pytest.raises(
        UnreadableEvent, match=f"message 2 of stream {STREAM} cannot be read"
    ) as caught:
        await scores(connection)
    error = caught.value
    assert error.code is Code.DATA_LOSS
    assert (error.stream, error.sequence, error.body) == (STREAM, 2, b"\xff")
    assert error.subject == "evt.game.scored.v1"
    assert await scores(connection, sequence=error.sequence + 1) == [3]


async def test_events_that_cannot_be_read_may_be_passed_over(connection: Connection) -> None:
    await score(connection, 1)
    await connection.jetstream.publish("evt.game.scored.v1", b"\xff")
    other = {"Pn-Event": "01-game.Other"}
    await connection.jetstream.publish("evt.game.scored.v1", b"", headers=other)
    await score(connection, 4)
    unreadable: list[UnreadableEvent] = []

    assert await scores(connection, on_unreadable=unreadable.append) == [1, 4]
    assert [error.sequence for error in unreadable] == [2, 3]
    assert str(unreadable[1]).endswith("as google.protobuf.Int64Value: it is game.Other")


async def test_a_missing_stream_is_a_failed_precondition(connection: Connection) -> None:
    await connection.jetstream.update_stream(name=STREAM, subjects=["evt.other.>"])
    for options in ({}, {"stream": "NONE"}):
        with pytest.raises(StatusError, match=r"`python -m protonats\.provision") as caught:
            await scores(connection, **options)
        assert caught.value.code is Code.FAILED_PRECONDITION


async def test_contradictions_are_refused(connection: Connection) -> None:
    now = datetime.now(UTC)
    with pytest.raises(ValueError, match="write one of since, sequence"):
        await scores(connection, since=now, sequence=1)
    with pytest.raises(ValueError, match="since has no time zone"):
        await scores(connection, since=now.replace(tzinfo=None))
    with pytest.raises(ValueError, match="write 1 or more"):
        await scores(connection, sequence=0)
    with pytest.raises(StatusError, match="has no key: leave it out"):
        await scores(connection, key="a")
    with pytest.raises(StatusError, match="field value stands in a subject"):
        await wins(connection, key="a.b")


async def test_reading_needs_one_right_and_leaves_no_consumer() -> None:
    config = """
    jetstream {}
    authorization { users: [
      {user: admin, password: p}
      {user: reader, password: p, permissions: {
        publish: "$JS.API.DIRECT.GET.GAME", subscribe: "_INBOX.reader.>"}}
    ] }"""
    with EmbeddedNats(jetstream=True, config=config) as nats:
        settings = protonats.ConnectionSettings(
            servers=(nats.url.replace("//", "//reader:p@"),), name="reader"
        )
        async with (
            await protonats.connect(nats.url.replace("//", "//admin:p@")) as admin,
            await protonats.connect(settings) as reader,
        ):
            await provision.apply(admin.jetstream, {"streams": plan()["streams"]})
            await score(admin, 1, 2)
            assert await scores(reader, stream=STREAM) == [1, 2]
            assert (await admin.jetstream.stream_info(STREAM)).state.consumer_count == 0
            with pytest.raises(StatusError) as caught:
                await scores(reader, stream="DLQ")
            assert caught.value.code is Code.PERMISSION_DENIED
