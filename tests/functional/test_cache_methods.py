"""Responses that an instance caches because the schema says so, made invalid by events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from redis.asyncio import Redis

import protonats
from protonats import Application, ConnectionSettings, Settings, StatusError, deadline, provision
from protonats._caching.served import MethodCache
from protonats.interceptors import ServerInterceptor
from protonats.redis import connect_redis
from protonats.server import CallContext
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.cached import Cached, Counting, cached_method, counted
from tests.functional.game import GameServiceClient, GameServicePublisher, plan, until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
async def redis(server: EmbeddedRedis) -> AsyncIterator[Redis]:
    client = await connect_redis(server.url)
    assert isinstance(client, Redis)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def publisher(nats: EmbeddedNats) -> AsyncIterator[GameServicePublisher]:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        yield GameServicePublisher(connection)
        for stream in ("GAME", "DLQ"):
            await connection.jetstream.delete_stream(stream)


@pytest.fixture
async def instance(nats: EmbeddedNats) -> AsyncIterator[Callable[..., Any]]:
    """Starts instances of a service, each with a connection of its own."""
    async with AsyncExitStack() as stack:

        async def start(redis: Redis | None = None, **cache: Any) -> Counting:
            connection = await stack.enter_async_context(await protonats.connect(nats.url))
            counting = Counting(connection, redis, cached_method(**cache))
            await counting.caches.start()
            stack.push_async_callback(counting.caches.close)
            return counting

        yield start


async def settled(*instances: Counting) -> None:
    """Returns when nothing runs in the background, and all invalidations are in Redis."""
    for counting in instances:
        for cache in counting.caches._methods:
            await until(cache._engine.invalidated)
            await until(partial(_idle, cache))


async def test_an_event_invalidates_the_responses_of_all_instances_and_in_redis(
    instance: Callable[..., Any], redis: Redis, publisher: GameServicePublisher
) -> None:
    instances = [await instance(redis) for _ in range(3)]
    await settled(*instances)
    assert await instances[0].ask() == "a old 1"
    await settled(*instances)
    assert {await each.ask() for each in instances} == {"a old 1"}

    for each in instances:
        each.state = "new"
    await publisher.publish_scored(Int64Value(value=1))
    for each in instances:
        await until(partial(_asked, each, "new"))
    await settled(*instances)
    # The event has made one new generation, so instances share what one of them has computed.
    assert sum(each.runs for each in instances) <= 1 + 3
    late = await instance()
    late.state = "new"
    assert await late.ask() == "a new 1"


async def test_an_event_with_a_key_invalidates_too_and_works_without_redis(
    instance: Callable[..., Any], publisher: GameServicePublisher
) -> None:
    counting = await instance()
    assert await counting.ask() == "a old 1"
    assert await counting.ask() == "a old 1"
    await publisher.publish_won(StringValue(value="q-1"))
    await until(lambda: _asked(counting, "old 2"))


async def test_a_response_that_was_begun_before_the_event_is_not_kept(
    instance: Callable[..., Any], redis: Redis, publisher: GameServicePublisher
) -> None:
    first, second = await instance(redis, local_ttl=0.0), await instance(redis, local_ttl=0.0)
    await settled(first, second)
    go = asyncio.Event()

    async def wait(context: CallContext) -> None:
        await go.wait()

    first.on_call = wait
    asking = asyncio.create_task(first.ask())
    await until(lambda: first.runs)
    # The other instance hears of the event, and has brought it to Redis, before this one is done.
    await publisher.publish_scored(Int64Value(value=1))
    second.state = first.state = "new"
    first.on_call = None
    await until(lambda: _generations(redis, 2))
    go.set()
    assert await asking == "a old 1"
    await settled(first, second)

    assert "new" in await second.ask()
    await settled(first, second)
    assert "new" in await first.ask()


async def test_an_instance_that_starts_does_not_trust_what_it_finds(
    instance: Callable[..., Any], redis: Redis
) -> None:
    """An event may have come while no instance was there to hear of it."""
    first = await instance(redis)
    await settled(first)
    assert await first.ask() == "a old 1"
    await settled(first)
    second = await instance(redis)
    second.state = "new"

    assert await second.ask() == "a new 1"


async def test_after_a_lost_connection_an_instance_does_not_trust_its_memory() -> None:
    with EmbeddedNats() as nats:
        async with await protonats.connect(nats.url) as connection:
            counting = Counting(connection, None, cached_method())
            await counting.caches.start()
            assert await counting.ask() == "a old 1"
            nats.kill()
            await until(lambda: not connection.is_connected)
            nats.start()
            await until(lambda: _asked(counting, "old 2"))
            await counting.caches.close()


async def test_without_invalidating_events_instances_that_start_share_what_is_there(
    instance: Callable[..., Any], redis: Redis
) -> None:
    first = await instance(redis, invalidated_by=())
    assert await first.ask() == "a old 1"
    await settled(first)
    second = await instance(redis, invalidated_by=())
    assert await second.ask() == "a old 1"


async def test_the_handler_has_the_time_of_the_method_and_not_of_the_call(
    instance: Callable[..., Any],
) -> None:
    counting = await instance()
    seen: list[float | None] = []

    async def look(context: CallContext) -> None:
        seen.append(context.remaining())
        seen.append(deadline.remaining())

    counting.on_call = look
    now = asyncio.get_running_loop().time()
    context = CallContext(method=cached_method(), call_id="0" * 32, deadline=now + 0.5)
    with deadline.scope(now + 0.5):
        await counting.ask(context=context)
    assert all(left is not None and 4.5 < left <= 5 for left in seen)
    assert len(seen) == 2


async def test_a_response_with_metadata_is_given_once_and_not_kept(
    instance: Callable[..., Any],
) -> None:
    counting = await instance()

    async def mark(context: CallContext) -> None:
        context.response_metadata["etag"] = "x"

    counting.on_call = mark
    context = CallContext(method=cached_method(), call_id="0" * 32)
    context.response_metadata["from"] = "an interceptor"
    assert await counting.ask(context=context) == "a old 1"
    assert context.response_metadata == {"from": "an interceptor", "etag": "x"}
    assert await counting.ask() == "a old 2"


@pytest.mark.parametrize("fails", [False, True])
async def test_all_who_wait_for_one_response_get_its_metadata(
    instance: Callable[..., Any], fails: bool
) -> None:
    counting, go = await instance(), asyncio.Event()

    async def mark(context: CallContext) -> None:
        context.response_metadata["etag"] = "x"
        await go.wait()
        context.trailers["cost"] = "7"
        if fails:
            raise StatusError(protonats.Code.ABORTED, "as told")

    counting.on_call = mark
    contexts = [CallContext(method=cached_method(), call_id="0" * 32) for _ in range(4)]
    contexts[3].trailers["from"] = "an interceptor"
    calls = [asyncio.create_task(counting.ask(context=context)) for context in contexts]
    await until(lambda: counting.runs == 1)
    calls[0].cancel()
    await asyncio.wait(calls[:1])
    go.set()
    results = await asyncio.gather(*calls[1:], return_exceptions=True)
    assert {str(result) for result in results} == {"ABORTED: as told" if fails else "a old 1"}
    assert [dict(context.response_metadata) for context in contexts[1:]] == [{"etag": "x"}] * 3
    assert contexts[1].trailers == contexts[2].trailers == {"cost": "7"}
    assert contexts[3].trailers == {"from": "an interceptor", "cost": "7"}
    assert counting.runs == 1


async def test_a_handler_that_returns_another_message_is_a_defect(
    instance: Callable[..., Any],
) -> None:
    counting = await instance()

    async def wrong(request: StringValue, context: CallContext) -> Int64Value:
        return Int64Value(value=1)

    serve = counting.caches.wrap(wrong, cached_method())
    context = CallContext(method=cached_method(), call_id="0" * 32)
    with pytest.raises(TypeError, match=r"of Echo returned Int64Value instead of google\.protobuf"):
        await serve(StringValue(value="a"), context)


async def test_hits_are_counted_for_the_method(instance: Callable[..., Any], redis: Redis) -> None:
    counting = await instance(redis)
    for _ in range(3):
        await counting.ask()
    metrics = counting.caches._connection.metrics
    labels = {"service": "game.v1.GameService", "method": "Echo"}
    assert counted(metrics, "cache_hits_total", tier="local", **labels) == 2
    assert counted(metrics, "cache_misses_total", tier="local", **labels) == 1


async def test_a_user_who_may_not_subscribe_to_the_event_is_told_so() -> None:
    users = '{user: "game", password: "x", permissions: {subscribe: ["_INBOX.>", "svc.>"]}}'
    with EmbeddedNats(config=f"authorization: {{users: [{users}]}}") as nats:
        url = nats.url.replace("nats://", "nats://game:x@")
        settings = ConnectionSettings(servers=(url,), name="game")
        async with await protonats.connect(settings) as connection:
            counting = Counting(connection, None, cached_method())
            with pytest.raises(StatusError, match=r"evt\.game\.won\.v1\.\*, which invalidate"):
                await counting.caches.start()
            await counting.caches.close()


def _idle(cache: MethodCache) -> bool:
    return not cache._engine._tasks


async def _asked(counting: Counting, text: str) -> bool:
    return text in await counting.ask()


async def _generations(redis: Redis, count: int) -> bool:
    """Whether that many invalidations have been written down, those of the start included."""
    return len([key async for key in redis.scan_iter("protonats:cache:*:seen:*")]) > count


async def test_a_served_method_is_cached_for_its_callers_behind_its_interceptors(
    nats: EmbeddedNats, server: EmbeddedRedis, redis: Redis, publisher: GameServicePublisher
) -> None:
    seen: list[str] = []

    class See(ServerInterceptor):
        async def unary(self, request: Any, context: CallContext, proceed: Any) -> Any:
            seen.append(request.value)
            return await proceed(request, context)

    settings = Settings(
        connection=ConnectionSettings(servers=(nats.url,), name="game"),
        redis_url=server.url,
        health_address=None,
    )
    async with Application(settings) as application:
        served = Cached()
        await application.serve(served, interceptors=[See()])
        client = GameServiceClient(publisher._connection)
        for _ in range(5):
            assert (await client.echo(StringValue(value="a"))).value == "a 1"
        await publisher.publish_scored(Int64Value(value=1))

        async def computed_again() -> bool:
            return (await client.echo(StringValue(value="a"))).value == "a 2"

        await until(computed_again)
        assert len(seen) >= 6
    assert not [task for task in asyncio.all_tasks() if "_caching" in str(task.get_coro())]
