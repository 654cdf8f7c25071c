"""Publishing many events at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

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


async def test_a_defect_in_one_event_takes_no_other_with_it() -> None:
    async def broken() -> PublishAck:
        raise TypeError("no event")

    async def cancelled() -> PublishAck:
        raise asyncio.CancelledError

    with pytest.raises(BatchError) as caught:
        await protonats.publish_all([_acknowledged(1), broken(), cancelled(), _acknowledged(2)])

    first, defect, stray, last = caught.value.results
    assert isinstance(first, PublishAck)
    assert isinstance(last, PublishAck)
    assert caught.value.__cause__ is defect
    assert isinstance(stray, StatusError)
    assert stray.code is Code.CANCELLED
    assert str(caught.value) == (
        "2 of 4 events were not published; the first error is: TypeError: no event"
    )


@pytest.mark.parametrize("max_in_flight", [1, 2, 10])
async def test_what_was_published_is_known_when_the_iterable_itself_fails(
    max_in_flight: int,
) -> None:
    def publication(number: int) -> Awaitable[PublishAck]:
        if number == 3:
            raise KeyError("third")
        return _acknowledged(number)

    # Unlike a generator, this one could go on.
    publications = map(publication, range(1, 100))
    with pytest.raises(BatchError) as caught:
        await protonats.publish_all(publications, max_in_flight=max_in_flight)

    *acks, error = caught.value.results
    assert [ack.sequence for ack in acks if isinstance(ack, PublishAck)] == [1, 2]
    assert isinstance(error, KeyError)


async def test_a_batch_that_is_cancelled_leaves_no_task() -> None:
    begun = asyncio.Event()

    async def endless() -> PublishAck:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    before = asyncio.all_tasks()
    batch = asyncio.create_task(protonats.publish_all([endless(), endless()]))
    await begun.wait()
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    await until(lambda: asyncio.all_tasks() == before)


async def _acknowledged(number: int) -> PublishAck:
    await asyncio.sleep(0)
    return PublishAck(event_id=f"{number}", stream="S", sequence=number, duplicate=False)
