"""Publishing many events at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import BatchError, Code, Connection, PublishAck, StatusError, provision
from protonats.testing import EmbeddedNats
from tests.functional.game import STREAM, GameServicePublisher, plan, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        yield connection
        for stream in (STREAM, "DLQ"):
            await connection.jetstream.delete_stream(stream)


async def test_a_batch_is_stored_in_its_order_with_all_acknowledgements(
    connection: Connection,
) -> None:
    publisher = GameServicePublisher(connection)
    acks = await protonats.publish_all(
        publisher.publish_scored(Int64Value(value=number)) for number in range(1000)
    )

    assert [ack.sequence for ack in acks] == list(range(1, 1001))
    stored = await connection.jetstream.get_msg(STREAM, 500)
    assert Int64Value.FromString(stored.data or b"").value == 499


async def test_an_event_that_fails_takes_no_other_with_it_and_is_named(
    connection: Connection,
) -> None:
    publisher = GameServicePublisher(connection)
    with pytest.raises(BatchError) as caught:
        await protonats.publish_all(
            [publisher.publish_won(StringValue(value=key)) for key in ("a", "b.c", "d", "")]
        )

    results = caught.value.results
    assert [isinstance(result, PublishAck) for result in results] == [True, False, True, False]
    assert isinstance(results[1], StatusError)
    assert results[1].code is Code.INVALID_ARGUMENT
    assert str(caught.value).startswith(
        "2 of 4 events were not published; the first error is: INVALID_ARGUMENT: field value"
    )
    assert (await connection.jetstream.stream_info(STREAM)).state.messages == 2


async def test_no_more_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def publication(number: int) -> PublishAck:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return PublishAck(event_id=f"{number}", stream="S", sequence=number, duplicate=False)

    acks = await protonats.publish_all(map(publication, range(100)), max_in_flight=7)

    assert [ack.sequence for ack in acks] == list(range(100))
    assert most == 7


async def test_nothing_to_publish_is_no_failure() -> None:
    assert await protonats.publish_all([]) == ()
    assert await protonats.publish_all(iter(())) == ()


async def test_a_limit_that_is_no_number_above_0_is_refused() -> None:
    with pytest.raises(ValueError, match="write a number above 0"):
        await protonats.publish_all([], max_in_flight=0)


async def test_a_defect_in_what_is_published_ends_the_batch() -> None:
    async def endless() -> PublishAck:
        await asyncio.Event().wait()
        raise AssertionError

    async def broken() -> PublishAck:
        raise TypeError("no event")

    before = asyncio.all_tasks()
    with pytest.raises(TypeError, match="no event"):
        await protonats.publish_all([endless(), broken()])
    await until(lambda: asyncio.all_tasks() == before)
