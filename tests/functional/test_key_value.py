"""Key-value buckets: conflicts are seen, and what is away is UNAVAILABLE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from protonats import Code, Connection, ConnectionSettings, KeyValue, StatusError, connect
from protonats.key_value import Entry
from protonats.provision import apply
from protonats.testing import EmbeddedNats

pytestmark = pytest.mark.anyio

PLAN = {"streams": [], "consumers": [], "buckets": [{"name": "ledger", "service": "payment"}]}


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    with EmbeddedNats(jetstream=True) as nats:
        settings = ConnectionSettings(servers=(nats.url,), name="payment")
        async with await connect(settings) as connection:
            await apply(connection.jetstream, PLAN)
            yield connection


@pytest.fixture
async def ledger(connection: Connection) -> KeyValue:
    return await KeyValue.open(connection, "ledger")


async def test_a_key_that_was_never_written_has_revision_0(ledger: KeyValue) -> None:
    assert await ledger.read("alice") == Entry(None, 0)


async def test_a_write_follows_the_revision_that_it_names(ledger: KeyValue) -> None:
    first = await ledger.write("alice", b"10", after=0)
    assert first is not None
    assert await ledger.read("alice") == Entry(b"10", first)
    second = await ledger.write("alice", b"7", after=first)
    assert second is not None
    assert await ledger.read("alice") == Entry(b"7", second)


async def test_a_write_over_an_older_revision_changes_nothing(ledger: KeyValue) -> None:
    first = await ledger.write("alice", b"10", after=0)
    assert first is not None
    await ledger.write("alice", b"7", after=first)
    assert await ledger.write("alice", b"0", after=first) is None
    assert await ledger.write("alice", b"0", after=0) is None
    assert (await ledger.read("alice")).value == b"7"


async def test_of_many_writers_exactly_one_wins_each_revision(ledger: KeyValue) -> None:
    revision = 0
    for _ in range(5):
        writes = [ledger.write("alice", b"%d" % index, after=revision) for index in range(20)]
        won = [written for written in await asyncio.gather(*writes) if written is not None]
        assert len(won) == 1
        revision = won[0]


async def test_an_empty_value_is_a_value(ledger: KeyValue) -> None:
    revision = await ledger.write("alice", b"", after=0)
    assert revision is not None
    assert await ledger.read("alice") == Entry(b"", revision)


async def test_a_removed_value_keeps_its_revision(ledger: KeyValue, connection: Connection) -> None:
    await ledger.write("alice", b"10", after=0)
    bucket = await connection.jetstream.key_value("ledger")
    await bucket.delete("alice")
    entry = await ledger.read("alice")
    assert entry.value is None
    assert await ledger.write("alice", b"1", after=entry.revision) is not None


@pytest.mark.parametrize(
    "key", ["", "*", ">", "a.*", "a b", ".a", "a.", "a..b", "a\r\nb", "\u00e9"]
)
async def test_what_is_no_key_is_refused(ledger: KeyValue, key: str) -> None:
    await ledger.write("alice", b"10", after=0)
    for attempt in (ledger.read(key), ledger.write(key, b"", after=0)):
        with pytest.raises(StatusError, match="is no key of a bucket") as caught:
            await attempt
        assert caught.value.code is Code.INVALID_ARGUMENT


async def test_a_missing_bucket_names_the_command_that_creates_it(connection: Connection) -> None:
    with pytest.raises(StatusError, match=r"python -m protonats\.provision") as caught:
        await KeyValue.open(connection, "none")
    assert caught.value.code is Code.FAILED_PRECONDITION


async def test_a_closed_connection_is_unavailable(ledger: KeyValue, connection: Connection) -> None:
    await connection.close()
    with pytest.raises(StatusError, match="bucket ledger does not answer") as caught:
        await ledger.read("alice")
    assert caught.value.code is Code.UNAVAILABLE
