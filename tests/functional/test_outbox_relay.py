"""Events reach their stream, whoever dies or is away."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from google.protobuf.wrappers_pb2 import Int64Value
from redis.asyncio import Redis
from redis.exceptions import RedisError

import protonats
from protonats import Connection, Outbox, StatusError, provision
from protonats._outbox.partitions import Partition
from protonats._outbox.relay import Relay
from protonats.redis import connect_redis
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional import outboxed
from tests.functional.cached import counted
from tests.functional.game import STREAM, GameServiceEvents, plan, until
from tests.functional.outboxed import NAME, stored, waiting, win

pytestmark = pytest.mark.anyio


@pytest.fixture
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    # What a restart forgets would hide what the outbox loses.
    with EmbeddedRedis(arguments=("--appendonly", "yes", "--appendfsync", "always")) as server:
        yield server


@pytest.fixture
async def redis(server: EmbeddedRedis) -> AsyncIterator[Redis]:
    client = await connect_redis(server.url)
    assert isinstance(client, Redis)
    yield client
    await client.aclose()


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        yield connection


def outbox_of(connection: Connection, redis: Redis) -> Outbox:
    return Outbox(connection, redis, NAME, poll_interval=0.1, lease=1.0)


async def empty(redis: Redis) -> bool:
    return await waiting(redis) == 0


@pytest.mark.parametrize(
    ("when", "expected"), [("open", []), ("written", ["a"]), ("published", ["a"])]
)
async def test_a_process_that_is_killed_leaves_nothing_or_an_event_that_another_one_publishes(
    nats: EmbeddedNats,
    server: EmbeddedRedis,
    redis: Redis,
    connection: Connection,
    when: str,
    expected: list[str],
) -> None:
    path = ":".join(path for path in sys.path if path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, outboxed.__file__, nats.url, server.url, when),
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert await waiting(redis) == len(expected)
    assert len(await stored(connection)) == (when == "published")

    async with outbox_of(connection, redis) as outbox:
        await until(lambda: empty(redis))
        assert await stored(connection) == expected
        assert (await redis.get(outbox.key("state", "p-1")) is not None) == bool(expected)


async def test_while_nats_is_away_changes_are_made_and_events_follow_in_order(
    nats: EmbeddedNats, redis: Redis, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with outbox_of(connection, redis) as outbox:
        nats.kill()
        await until(lambda: not connection.is_connected)
        with caplog.at_level(logging.WARNING, "protonats"):
            for number in range(20):
                await win(outbox, "p-1", f"v-{number}")
            await until(
                lambda: counted(connection.metrics, "outbox_failed_total", outbox=NAME) >= 3
            )
        await until(lambda: counted(connection.metrics, "outbox_pending", outbox=NAME) == 20)
        await until(lambda: counted(connection.metrics, "outbox_oldest_seconds") > 0)
        nats.start()
        await until(lambda: empty(redis))
        assert await stored(connection) == [f"v-{number}" for number in range(20)]
        await until(lambda: counted(connection.metrics, "outbox_pending", outbox=NAME) == 0)
    texts = [text for text in caplog.messages if text.startswith("events wait in the outbox game")]
    assert len(texts) == 1


async def test_while_redis_is_away_changes_fail_and_nothing_is_lost_when_it_is_back(
    nats: EmbeddedNats, server: EmbeddedRedis, redis: Redis, connection: Connection
) -> None:
    async with outbox_of(connection, redis) as outbox:
        nats.kill()
        await until(lambda: not connection.is_connected)
        await win(outbox, "p-1", "a")
        server.kill()
        with pytest.raises(StatusError, match="UNAVAILABLE: Redis does not answer, and the change"):
            await win(outbox, "p-1", "b")
        server.start()
        nats.start()
        await until(lambda: _made(outbox, "c"))
        await until(lambda: empty(redis))
        assert await stored(connection) == ["a", "c"]


async def test_two_relays_publish_each_event_once_and_in_the_order_of_each_entity(
    nats: EmbeddedNats, server: EmbeddedRedis, redis: Redis, connection: Connection
) -> None:
    other_redis = await connect_redis(server.url)
    async with (
        await protonats.connect(nats.url) as other_connection,
        outbox_of(connection, redis) as first,
        Outbox(other_connection, other_redis, NAME, poll_interval=0.1, lease=1.0) as second,
    ):

        async def play(player: int) -> None:
            for number in range(20):
                await win((first, second)[number % 2], f"p-{player}", f"{player}-{number}")

        await asyncio.gather(*(play(player) for player in range(10)))
        await until(lambda: empty(redis))
        values = await stored(connection)
        both = (connection.metrics, other_connection.metrics)
        # An event that was published twice would be counted here, though the stream drops it.
        assert sum(counted(each, "outbox_relayed_total") for each in both) == 200
    assert len(values) == 200
    for player in range(10):
        own = [value for value in values if value.startswith(f"{player}-")]
        assert own == [f"{player}-{number}" for number in range(20)]
    await other_redis.aclose()


async def test_an_event_that_no_stream_takes_holds_up_its_entity_and_nobody_else(
    nats: EmbeddedNats, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    facts = plan()
    facts["streams"][0]["subjects"] = ["evt.game.won.>"]
    facts["consumers"][0]["filter_subjects"] = ["evt.game.won.v1.*"]
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, facts)
        # One partition: that of both.
        async with Outbox(connection, redis, NAME, partitions=1, poll_interval=0.1) as outbox:
            async with outbox.change("p-1") as change:
                change.publish(GameServiceEvents.scored, Int64Value(value=1))
            # More than the relay reads at once.
            after = [f"after-{number}" for number in range(150)]
            for value in after:
                await win(outbox, "p-1", value)
            await win(outbox, "p-2", "other")
            await until(lambda: _stored(connection, ["other"]))
            reason = {"outbox": NAME, "reason": "failed_precondition"}
            await until(lambda: counted(connection.metrics, "outbox_failed_total", **reason) >= 3)
            await connection.jetstream.update_stream(
                name=STREAM, subjects=["evt.game.won.>", "evt.game.scored.>"]
            )
            await until(lambda: empty(redis))
            message = await connection.jetstream.get_msg(STREAM, 2)
            assert message.subject == "evt.game.scored.v1"
            subjects = [
                (await connection.jetstream.get_msg(STREAM, sequence)).subject
                for sequence in range(3, 153)
            ]
            assert subjects == [f"evt.game.won.v1.{value}" for value in after]
    texts = [text for text in caplog.messages if "no stream stores evt.game.scored.v1" in text]
    assert len(texts) == 1


async def test_an_entry_that_is_malformed_stays_and_holds_up_nobody(
    redis: Redis, connection: Connection
) -> None:
    async with Outbox(connection, redis, NAME, partitions=1, poll_interval=0.1) as outbox:
        key = "protonats:outbox:{game:0}:entries"
        await redis.xadd(key, {"nonsense": "x"})
        await win(outbox, "p-1", "a")
        await until(lambda: _stored(connection, ["a"]))
        reason = {"outbox": NAME, "reason": "malformed"}
        await until(lambda: counted(connection.metrics, "outbox_failed_total", **reason))
        assert await waiting(redis) == 1


async def test_a_part_of_redis_that_fails_holds_up_no_other(
    redis: Redis,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as dead:
        # Nobody relays what a dead process has left, before somebody looks for it.
        dead.setattr(Relay, "wake", lambda self, partition: None)
        for player in range(20):
            await win(Outbox(connection, redis, NAME, partitions=4), f"p-{player}", f"{player}")
    assert await waiting(redis) == 20
    look, broken = Relay._look, True

    async def look_unless_broken(self: Relay, partition: Partition) -> tuple[int, int]:
        if partition.number == 0 and broken:
            raise RedisError("the first part is down")
        return await look(self, partition)

    monkeypatch.setattr(Relay, "_look", look_unless_broken)
    left = f"protonats:outbox:{{{NAME}:0}}:entries"
    async with Outbox(connection, redis, NAME, partitions=4, poll_interval=0.05):
        count = await redis.xlen(left)
        assert 0 < count < 20

        async def others_are_done() -> bool:
            return await waiting(redis) == count

        await until(others_are_done)
        assert await redis.xlen(left) == count
        broken = False
        await until(lambda: empty(redis))
    assert len(await stored(connection)) == 20
    texts = [text for text in caplog.messages if "the first part is down" in text]
    assert texts == [
        f"events wait in the outbox {NAME}: Redis does not answer: the first part is down"
    ]


async def test_a_relay_that_stood_still_for_longer_than_its_lease_publishes_no_more(
    redis: Redis,
) -> None:
    from protonats._outbox.lease import Lease

    async with Lease(redis, "lease", 0.2) as lease:
        assert lease.held
        async with Lease(redis, "lease", 0.2) as other:
            assert not other.held
        assert await redis.exists("lease")
        await redis.set("lease", "another owner")
        await until(lambda: not lease.held)
    assert await redis.get("lease") == b"another owner"


async def test_closing_leaves_no_task_and_no_lease(redis: Redis, connection: Connection) -> None:
    before = asyncio.all_tasks()
    async with outbox_of(connection, redis) as outbox:
        for number in range(50):
            await win(outbox, f"p-{number}", f"v-{number}")
    assert asyncio.all_tasks() <= before
    assert [key async for key in redis.scan_iter("*:lease")] == []
    async with outbox_of(connection, redis):
        await until(lambda: empty(redis))
    assert len(await stored(connection)) == 50


async def _stored(connection: Connection, values: list[str]) -> bool:
    return await stored(connection) == values


async def _made(outbox: Outbox, value: str) -> bool:
    try:
        await win(outbox, "p-1", value)
    except StatusError:
        return False
    return True
