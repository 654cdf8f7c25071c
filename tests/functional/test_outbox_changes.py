"""State and events written to Redis in one step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BoolValue, Int64Value, StringValue
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import ResponseError

import protonats
from protonats import Code, Connection, Outbox, PublishAck, StatusError, deadline, provision
from protonats._publishing import store
from protonats.redis import connect_redis
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.cached import counted
from tests.functional.game import STREAM, GameServiceEvents, plan, until
from tests.functional.outboxed import NAME, stored, waiting, win
from tests.functional.redis_cluster import cluster_url, redis_cluster

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True, config="max_payload: 64KB") as nats:
        yield nats


@pytest.fixture(scope="module", params=["one server", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "cluster":
        with redis_cluster() as nodes:
            yield cluster_url(nodes)
    else:
        with EmbeddedRedis() as server:
            yield server.url


@pytest.fixture
async def redis(url: str) -> AsyncIterator[Redis | RedisCluster]:
    client = await connect_redis(url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        yield connection
        for stream in (STREAM, "DLQ"):
            await connection.jetstream.delete_stream(stream)


@pytest.fixture
async def outbox(connection: Connection, redis: Redis | RedisCluster) -> AsyncIterator[Outbox]:
    async with Outbox(connection, redis, NAME, poll_interval=0.2) as outbox:
        yield outbox


async def test_a_change_writes_state_and_publishes_its_events_in_order(
    outbox: Outbox, redis: Redis | RedisCluster, connection: Connection
) -> None:
    async with outbox.change("p-1") as change:
        change.redis.hset(change.key("player"), mapping={"name": "Ann", "wins": 1})
        change.redis.hincrby(change.key("player"), "wins", 2)
        change.redis.expire(change.key("player"), 100)
        for value in ("a", "b", "c"):
            change.publish(GameServiceEvents.won, StringValue(value=value))
        assert await redis.exists(outbox.key("player", "p-1")) == 0

    assert await redis.hgetall(outbox.key("player", "p-1")) == {b"name": b"Ann", b"wins": b"3"}
    await until(lambda: _is_empty(redis))
    assert await stored(connection) == ["a", "b", "c"]
    assert counted(connection.metrics, "outbox_written_total", outbox=NAME) == 3
    assert counted(connection.metrics, "outbox_relayed_total", outbox=NAME) == 3


async def test_the_stored_event_is_as_if_published_directly(
    outbox: Outbox, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float | None] = []

    async def store_and_note(*arguments: Any) -> PublishAck:
        deadlines.append(deadline.current())
        return await store(*arguments)

    monkeypatch.setattr("protonats._outbox.relay.store", store_and_note)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    now = asyncio.get_running_loop().time()
    # The deadline of who makes the change is not that of who publishes.
    with deadline.scope(now + 1, trace):
        await win(outbox, "p-1", "q-1", metadata={"user": "u-42"}, event_id="e-1")
    await until(lambda: _has(connection, "q-1"))
    assert deadlines == [None]

    message = await connection.jetstream.get_msg(STREAM, 1)
    assert message.subject == "evt.game.won.v1.q-1"
    assert message.headers == {
        "Nats-Msg-Id": "e-1",
        "Pn-Event": "01-google.protobuf.StringValue",
        "traceparent": trace,
        "user": "u-42",
    }


async def test_a_block_that_raises_writes_nothing(
    outbox: Outbox, redis: Redis | RedisCluster
) -> None:
    async def change_and_fail() -> None:
        async with outbox.change("p-1") as change:
            change.redis.set(change.key("state"), "a")
            change.publish(GameServiceEvents.won, StringValue(value="a"))
            raise KeyError

    with pytest.raises(KeyError):
        await change_and_fail()
    assert [key async for key in redis.scan_iter("*game*")] == []


async def test_an_expectation_that_does_not_hold_aborts_the_change(
    outbox: Outbox, redis: Redis | RedisCluster
) -> None:
    key = outbox.key("player", "p-1")
    await redis.hset(key, "version", "1")

    async def advance(version: int | None, field: str = "version") -> None:
        async with outbox.change("p-1") as change:
            change.expect(version, "HGET", change.key("player"), field)
            change.expect(1, "EXISTS", change.key("player"))
            change.redis.hincrby(change.key("player"), "version", 1)
            change.publish(GameServiceEvents.scored, Int64Value(value=1))

    await advance(1)
    with pytest.raises(StatusError, match=r"HGET game:\{game:\d+\}:player:p-1 does not") as caught:
        await advance(1)
    assert caught.value.code is Code.ABORTED
    with pytest.raises(StatusError):
        await advance(None)
    await advance(None, field="other")
    assert await redis.hget(key, "version") == b"3"


async def test_concurrent_changes_that_expect_what_they_have_read_lose_no_update(
    outbox: Outbox, redis: Redis | RedisCluster
) -> None:
    key = outbox.key("count", "p-1")

    async def increment() -> None:
        while True:
            value = await redis.get(key)
            try:
                async with outbox.change("p-1") as change:
                    change.expect(value, "GET", key)
                    change.redis.set(key, int(value or 0) + 1)
                return
            except StatusError as error:
                if error.code is not Code.ABORTED:
                    raise

    await asyncio.gather(*(increment() for _ in range(10)))
    assert await redis.get(key) == b"10"


async def test_a_command_that_redis_refuses_publishes_nothing(
    outbox: Outbox, redis: Redis | RedisCluster, connection: Connection
) -> None:
    await redis.set(outbox.key("state", "p-1"), "text")

    async def misuse() -> None:
        async with outbox.change("p-1") as change:
            change.publish(GameServiceEvents.won, StringValue(value="a"))
            change.redis.hset(change.key("state"), "field", "value")

    with pytest.raises(ResponseError):
        await misuse()
    assert await waiting(redis) == 0
    assert await stored(connection) == []


async def test_a_change_that_the_client_sends_twice_is_made_once(
    outbox: Outbox, redis: Redis | RedisCluster
) -> None:
    """As redis-py does when the connection broke before the answer came."""
    async with outbox.change("p-1") as change:
        change.redis.incr(change.key("count"))
        change.publish(GameServiceEvents.won, StringValue(value="a"))
        await change.apply()
    assert await redis.get(outbox.key("count", "p-1")) == b"1"


@pytest.mark.parametrize(
    ("info", "event", "arguments", "error"),
    [
        (GameServiceEvents.won, Int64Value(value=1), {}, "an event google.protobuf.StringValue is"),
        (GameServiceEvents.ticked, BoolValue(value=True), {}, "BoolValue is not durable"),
        (GameServiceEvents.won, StringValue(value="a b"), {}, "INVALID_ARGUMENT: field value"),
        (
            GameServiceEvents.won,
            StringValue(value="a"),
            {"event_id": ""},
            "INVALID_ARGUMENT: an ev",
        ),
        (GameServiceEvents.won, StringValue(value="a"), {"metadata": {"pn-x": "y"}}, "INVALID_ARG"),
        (GameServiceEvents.won, StringValue(value="a" * 70_000), {}, "RESOURCE_EXHAUSTED|INVALID"),
    ],
)
async def test_an_event_that_could_never_be_published_is_refused_before_anything_is_written(
    outbox: Outbox,
    redis: Redis | RedisCluster,
    info: Any,
    event: Any,
    arguments: dict[str, Any],
    error: str,
) -> None:
    async def publish() -> None:
        async with outbox.change("p-1") as change:
            change.redis.set(change.key("state"), "a")
            change.publish(info, event, **arguments)

    with pytest.raises((TypeError, StatusError), match=error):
        await publish()
    assert await redis.exists(outbox.key("state", "p-1")) == 0


async def test_a_key_of_another_hash_slot_is_refused(outbox: Outbox) -> None:
    async with outbox.change("p-1") as change:
        with pytest.raises(StatusError, match=r"a key of SET is 'state': in a change it is made"):
            change.redis.set("state", "a")
        with pytest.raises(StatusError, match=r"a key of GET is 'state'"):
            change.expect(None, "GET", "state")
        with pytest.raises(StatusError, match=r"has 8003 words, and 7000 are allowed"):
            change.redis.rpush(change.key("list"), *range(8001))


@pytest.mark.parametrize(
    "arguments", [{"name": "a b"}, {"partitions": 0}, {"lease": 0}, {"poll_interval": 0}]
)
async def test_arguments_that_make_no_sense_are_refused(
    connection: Connection, redis: Redis, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"name is|have to be more than 0"):
        Outbox(connection, redis, **{"name": NAME, **arguments})


async def _is_empty(redis: Redis | RedisCluster) -> bool:
    return await waiting(redis) == 0


async def _has(connection: Connection, value: str) -> bool:
    return value in await stored(connection)
