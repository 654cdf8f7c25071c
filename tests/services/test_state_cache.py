"""Copies of states in Redis."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from bodybroker.state_manager.v1 import state_manager_pb2
from protonats.redis import connect_redis
from protonats.testing import EmbeddedRedis
from services.state_manager.cache import StateCache
from services.state_manager.store import Key
from tests.functional.game import until
from tests.services.states import struct

pytestmark = pytest.mark.anyio

PLAYER = state_manager_pb2.STATE_KIND_PLAYER
ENTITY = state_manager_pb2.STATE_KIND_ENTITY


@pytest.fixture
async def cache(redis: EmbeddedRedis) -> AsyncIterator[StateCache]:
    client = await connect_redis(redis.url)
    await client.flushall()
    cache = StateCache(client)
    yield cache
    await cache.aclose()
    await client.aclose()


def state(key: Key, version: int) -> state_manager_pb2.State:
    return state_manager_pb2.State(key=key.message, version=version, data=struct({"gold": version}))


async def version(cache: StateCache, key: Key) -> int | None:
    found = await cache.read([key])
    return found[key].version if key in found else None


async def test_a_copy_is_read_back(cache: StateCache) -> None:
    player, entity, missing = Key(PLAYER, "same"), Key(ENTITY, "same"), Key(PLAYER, "missing")
    await cache.put(state(player, 3), state(entity, 8))

    assert await cache.read([player, missing, entity]) == {
        player: state(player, 3),
        entity: state(entity, 8),
    }


async def test_an_older_copy_does_not_replace_a_newer_one(cache: StateCache) -> None:
    key = Key(PLAYER, "ada")
    # Compared as numbers: as texts, 9 would be greater than 10.
    await cache.put(state(key, 10))
    await cache.put(state(key, 9))
    assert await version(cache, key) == 10

    await cache.put(state(key, 11))
    assert await version(cache, key) == 11


async def test_what_was_dropped_is_not_put_back_by_whoever_read_it_before(
    cache: StateCache,
) -> None:
    for key in (Key(PLAYER, "cached"), Key(PLAYER, "unknown")):
        if key.id == "cached":
            await cache.put(state(key, 4))
        await cache.drop(key, below=5)
        assert await version(cache, key) is None

        await cache.put(state(key, 4))
        assert await version(cache, key) is None
        await cache.put(state(key, 6))
        assert await version(cache, key) == 6


async def test_a_drop_that_comes_late_leaves_the_newer_copy(cache: StateCache) -> None:
    key = Key(PLAYER, "ada")
    await cache.put(state(key, 7))
    await cache.drop(key, below=6)
    assert await version(cache, key) == 7


async def test_a_copy_lives_as_long_as_the_schema_says(
    cache: StateCache, redis: EmbeddedRedis
) -> None:
    key = Key(PLAYER, "ada")
    await cache.put(state(key, 1))
    async with Redis(port=redis.port) as client:
        assert await client.keys() == [b"state:player:ada"]
        assert 295 <= await client.ttl("state:player:ada") <= 300


async def test_what_is_no_state_is_not_used(cache: StateCache, redis: EmbeddedRedis) -> None:
    async with Redis(port=redis.port) as client:
        await client.hset("state:player:ada", "state", b"\xff\xff")
    assert await cache.read([Key(PLAYER, "ada")]) == {}
    assert not cache.suspended


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=12))
async def test_the_version_never_goes_back(
    cache: StateCache, steps: list[tuple[bool, int]]
) -> None:
    await cache._redis.flushall()
    key = Key(PLAYER, "ada")
    highest = 0
    for put, number in steps:
        await (cache.put(state(key, number)) if put else cache.drop(key, below=number))
        highest = max(highest, number)
        assert await version(cache, key) in (None, highest)


async def test_a_cluster_takes_many_keys_at_once(redis_cluster: EmbeddedRedis) -> None:
    client = await connect_redis(redis_cluster.url.replace("redis://", "redis+cluster://"))
    cache = StateCache(client)
    keys = [Key(PLAYER, f"player-{number}") for number in range(100)]

    await cache.put(*(state(key, 5) for key in keys))
    await cache.drop(keys[0], below=6)
    found = await cache.read(keys)

    assert set(found) == set(keys[1:])
    assert not cache.suspended
    await client.aclose()


async def test_a_redis_that_hangs_is_not_waited_for_and_repaired_when_it_answers() -> None:
    with EmbeddedRedis() as server:
        client = await connect_redis(server.url)
        cache = StateCache(client, timeout=0.1, retry=0.05)
        key, other = Key(PLAYER, "ada"), Key(PLAYER, "bob")
        await cache.put(state(key, 1), state(other, 1))

        os.kill(server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(5):
                # What a writer does; nothing of it arrives.
                await cache.drop(key, below=2)
                assert cache.suspended
                await cache.put(state(key, 2))
                assert await cache.read([key, other]) == {}
        finally:
            os.kill(server.pid, signal.SIGCONT)

        await until(lambda: not cache.suspended)
        assert await version(cache, key) in (None, 2)
        assert await version(cache, other) == 1
        await cache.aclose()
        await client.aclose()


async def test_a_copy_that_could_not_be_replaced_is_dropped_when_redis_answers(
    redis: EmbeddedRedis, cache: StateCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect_redis(redis.url)
    writer = StateCache(client, retry=0.01)
    execute, reachable = writer._execute, False

    async def sometimes(commands: Any) -> Any:
        if not reachable:
            raise ConnectionError("no route to host")
        return await execute(commands)

    monkeypatch.setattr(writer, "_execute", sometimes)
    key = Key(PLAYER, "ada")
    await cache.put(state(key, 1))
    await writer.drop(key, below=2)
    await writer.put(state(key, 2))
    assert await writer.read([key]) == {}
    assert await version(cache, key) == 1

    reachable = True
    await until(lambda: not writer.suspended)

    assert await version(cache, key) is None
    await cache.put(state(key, 1))
    assert await version(cache, key) is None
    await cache.put(state(key, 2))
    assert await version(writer, key) == 2
    await client.aclose()


async def test_a_redis_that_was_restarted_is_used_again() -> None:
    with EmbeddedRedis() as server:
        client = await connect_redis(server.url)
        cache = StateCache(client, retry=0.05)
        key = Key(PLAYER, "ada")
        await cache.put(state(key, 1))

        server.stop()
        assert await cache.read([key]) == {}
        assert cache.suspended
        server.start()

        await until(lambda: not cache.suspended)
        await cache.put(state(key, 1))
        assert await version(cache, key) == 1
        await cache.aclose()
        await client.aclose()
