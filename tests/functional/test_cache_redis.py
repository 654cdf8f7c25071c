"""The cache for use by hand, over a real Redis: one server, and a cluster."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis, RedisCluster

from protonats import Cache, Code, StatusError
from protonats.metrics import Metrics
from protonats.redis import connect_redis
from protonats.testing import EmbeddedRedis
from tests.functional.cached import counted
from tests.functional.game import until
from tests.functional.redis_cluster import cluster_url, redis_cluster

pytestmark = pytest.mark.anyio


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


class Source:
    """Where values come from: each is the number of the computation."""

    def __init__(self) -> None:
        self.loads = 0
        self.before: Callable[[], Awaitable[Any]] | None = None

    async def load(self) -> bytes:
        self.loads += 1
        value = str(self.loads).encode()
        if self.before is not None:
            await self.before()
        return value


@pytest.fixture
async def caches() -> AsyncIterator[Callable[..., Cache]]:
    """Makes caches, as processes would have them; they are closed after the test."""
    async with AsyncExitStack() as stack:

        def make(redis: Redis | RedisCluster | None, **arguments: Any) -> Cache:
            cache = Cache(redis, "test", **{"ttl": 60, "local_ttl": 0, **arguments})
            stack.push_async_callback(cache.aclose)
            return cache

        yield make


async def test_processes_share_what_one_of_them_has_computed(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    source, metrics = Source(), Metrics()
    first, second = caches(redis), caches(redis, metrics=metrics)

    assert await first.get_or_load("key", source.load) == b"1"
    await until(lambda: _stored(redis))
    assert await second.get_or_load("key", source.load) == b"1"
    assert await second.get_or_load("other", source.load) == b"2"
    assert counted(metrics, "cache_hits_total", tier="redis", method="test") == 1
    assert counted(metrics, "cache_misses_total", tier="redis") == 1


async def test_a_key_is_one_name_in_redis_with_a_time_to_live(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    await caches(redis, ttl=60, stale_while_revalidate=40).get_or_load("key", Source().load)
    await until(lambda: _stored(redis))

    (name,) = await _entries(redis)
    assert name.startswith(b"protonats:cache:test:{")
    assert name.endswith(b"}")
    assert 95_000 < await redis.pttl(name) <= 100_000


async def test_a_removed_value_is_computed_again_by_everyone(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    source = Source()
    first, second = caches(redis), caches(redis)
    await first.get_or_load("key", source.load)
    await until(lambda: _stored(redis))
    await second.invalidate("key")

    assert await first.get_or_load("key", source.load) == b"2"
    await until(lambda: _stored(redis))
    assert await second.get_or_load("key", source.load) == b"2"


@pytest.mark.parametrize("everything", [False, True], ids=["one key", "all keys"])
async def test_a_value_whose_computation_began_before_it_was_invalidated_is_not_kept(
    redis: Redis | RedisCluster, caches: Callable[..., Cache], everything: bool
) -> None:
    """Also where the invalidation came from another process, which saw no computation."""
    source, go = Source(), asyncio.Event()
    slow, other = caches(redis), caches(redis)
    await slow.get_or_load("another key", Source().load)
    source.before = go.wait
    waiting = asyncio.create_task(slow.get_or_load("key", source.load))
    await until(lambda: source.loads == 1)
    if everything:
        assert await other.invalidate_all()
    else:
        await other.invalidate("key")
    go.set()

    assert await waiting == b"1"
    await until(lambda: not slow._engine._tasks)
    assert await other.get_or_load("key", source.load) == b"2"
    await until(lambda: not other._engine._tasks)
    assert await slow.get_or_load("key", source.load) == b"2"


async def test_everything_is_invalid_for_other_processes_too(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    source = Source()
    first, second = caches(redis), caches(redis)
    await first.get_or_load("key", source.load)
    await until(lambda: _stored(redis))
    assert await second.get_or_load("key", source.load) == b"1"
    assert await first.invalidate_all()

    assert await second.get_or_load("key", source.load) == b"2"


async def test_a_stale_value_is_served_while_one_new_one_is_computed(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    source, metrics, go = Source(), Metrics(), asyncio.Event()
    cache = caches(redis, ttl=0.05, stale_while_revalidate=60, metrics=metrics)
    await cache.get_or_load("key", source.load)
    await until(lambda: not cache._engine._tasks)
    source.before = go.wait

    async def served_stale() -> bool:
        assert await cache.get_or_load("key", source.load) == b"1"
        return counted(metrics, "cache_stale_total", tier="redis") >= 2

    await until(served_stale)
    assert source.loads == 2
    go.set()

    async def refreshed() -> bool:
        return await cache.get_or_load("key", source.load) != b"1"

    await until(refreshed)


async def test_what_redis_holds_and_nobody_wrote_is_computed_again(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    source = Source()
    cache = caches(redis)
    await cache.get_or_load("key", source.load)
    await until(lambda: _stored(redis))
    for garbage in (b"", b"x", b"\x07" * 40):
        (name,) = await _entries(redis)
        await redis.set(name, garbage)
        before = source.loads
        assert await cache.get_or_load("key", source.load) == str(before + 1).encode()
        await until(lambda: not cache._engine._tasks)


async def test_values_too_large_for_redis_are_not_stored_there(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    async def load() -> bytes:
        return bytes(5 * 1024 * 1024)

    cache = caches(redis)
    assert len(await cache.get_or_load("key", load)) == 5 * 1024 * 1024
    await until(lambda: not cache._engine._tasks)
    assert await _entries(redis) == []


@pytest.mark.parametrize("how", ["killed", "hanging"])
async def test_without_redis_values_are_computed_and_what_it_missed_is_not_served(
    how: str, caches: Callable[..., Cache], caplog: pytest.LogCaptureFixture
) -> None:
    source, metrics = Source(), Metrics()
    with EmbeddedRedis() as server:
        redis = await connect_redis(server.url)
        cache, other = caches(redis, metrics=metrics), caches(redis)
        assert await cache.get_or_load("key", source.load) == b"1"
        await until(lambda: _stored(redis))
        if how == "killed":
            server.kill()
        else:
            os.kill(server.pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(2, 102):
            assert await cache.get_or_load("key", source.load) == str(number).encode()
        # One call waits for the time-out, the others do not.
        assert loop.time() - began < 1.5
        assert counted(metrics, "cache_errors_total", tier="redis") >= 1
        assert not await cache.invalidate_all()
        (text,) = [text for text in caplog.messages if text.startswith("the cache test does")]
        assert text.startswith("the cache test does without Redis: ")

        if how == "killed":
            server.start()
        else:
            os.kill(server.pid, signal.SIGCONT)
        await until(cache.invalidate_all)
        source.loads = 1000

        async def shared() -> bool:
            return await cache.get_or_load("key", source.load) == await other.get_or_load(
                "key", source.load
            )

        await until(shared)
        assert await other.get_or_load("key", source.load) > b"1000"
        await cache.aclose()
        await other.aclose()
        await redis.aclose()


async def test_a_key_that_could_not_be_removed_is_invalid_when_redis_is_back(
    caches: Callable[..., Cache],
) -> None:
    source = Source()
    with EmbeddedRedis() as server:
        redis = await connect_redis(server.url)
        cache = caches(redis)
        await cache.get_or_load("key", source.load)
        await until(lambda: _stored(redis))
        os.kill(server.pid, signal.SIGSTOP)
        await cache.invalidate("key")
        os.kill(server.pid, signal.SIGCONT)
        await until(cache._engine.invalidated)

        assert await caches(redis).get_or_load("key", source.load) == b"2"
        await redis.aclose()


async def test_a_load_that_is_slower_than_the_cache_waits_fails(
    redis: Redis | RedisCluster, caches: Callable[..., Cache]
) -> None:
    source = Source()
    source.before = asyncio.Event().wait
    with pytest.raises(StatusError, match=r"no value within 0\.05 s") as caught:
        await caches(redis, load_timeout=0.05).get_or_load("key", source.load)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def _entries(redis: Redis | RedisCluster) -> list[bytes]:
    keys = [key async for key in redis.scan_iter("protonats:cache:test:*")]
    return [key for key in keys if (await redis.get(key) or b"\x01")[0] != 0]


async def _stored(redis: Redis | RedisCluster) -> bool:
    return len(await _entries(redis)) > 0
