"""Events that are handled once, however often they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

import protonats
from protonats import Code, Connection, Deduplicator, EventContext, StatusError, provision
from protonats.key_value import KeyValue
from protonats.testing import EmbeddedNats
from tests.functional.game import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        plan = {"buckets": [{"name": "handled", "ttl_seconds": 60}]}
        await provision.apply(connection.jetstream, plan)
        yield connection
        await connection.jetstream.delete_key_value("handled")


async def deduplicator(connection: Connection, consumer: str = "ledger") -> Deduplicator:
    return Deduplicator(await KeyValue.open(connection, "handled"), consumer)


def event(event_id: str = "e 1/é") -> EventContext:
    return EventContext(
        subject="evt.paid.v1",
        event_id=event_id,
        stream="MONEY",
        sequence=7,
        published_at=datetime.now(UTC),
    )


async def handle(deduplicator: Deduplicator, context: EventContext) -> bool:
    async with deduplicator.once(context) as first:
        return first


async def test_an_event_is_new_once_for_each_consumer(connection: Connection) -> None:
    ledger, mailer = await deduplicator(connection), await deduplicator(connection, "mailer")

    assert [await handle(ledger, event()) for _ in range(3)] == [True, False, False]
    assert await handle(mailer, event())
    assert await handle(ledger, event("e-2"))


async def test_an_event_whose_handling_failed_was_not_handled(connection: Connection) -> None:
    ledger = await deduplicator(connection)
    with pytest.raises(ValueError, match="no account"):
        async with ledger.once(event()):
            raise ValueError("no account")

    assert await handle(ledger, event())


async def test_an_event_without_an_id_is_refused(connection: Connection) -> None:
    with pytest.raises(StatusError, match="event 7 of stream MONEY has no id") as caught:
        await handle(await deduplicator(connection), event(""))
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_without_an_answer_of_the_bucket_nothing_is_handled() -> None:
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            plan = {"buckets": [{"name": "handled"}]}
            await provision.apply(connection.jetstream, plan)
            ledger = await deduplicator(connection)
            nats.stop()
            await until(lambda: not connection.is_connected)
            with pytest.raises(StatusError) as caught:
                await handle(ledger, event())
    assert caught.value.code is Code.UNAVAILABLE
