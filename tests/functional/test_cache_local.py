"""The cache in the memory of one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from protonats import Cache, Code, StatusError
from protonats.metrics import Metrics
from tests.functional.cached import counted
from tests.functional.game import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cache() -> AsyncIterator[Cache]:
    async with Cache(None, "test", ttl=60) as cache:
        yield cache


async def nothing() -> bytes:
    raise AssertionError("it should be in the cache")


async def one() -> bytes:
    return b"1"


async def test_a_value_is_computed_once_and_then_in_memory() -> None:
    metrics = Metrics()
    async with Cache(None, "test", ttl=60, metrics=metrics) as cache:
        assert await cache.get_or_load("key", one) == b"1"
        assert await cache.get_or_load(b"key", nothing) == b"1"
    assert counted(metrics, "cache_hits_total", tier="local", method="test") == 1
    assert counted(metrics, "cache_misses_total", tier="local", method="test") == 1


async def test_all_who_ask_at_once_share_one_computation(cache: Cache) -> None:
    loads, go = 0, asyncio.Event()

    async def load() -> bytes:
        nonlocal loads
        loads += 1
        await go.wait()
        return b"value"

    asking = [asyncio.create_task(cache.get_or_load("key", load)) for _ in range(50)]
    await until(lambda: loads)
    go.set()
    assert set(await asyncio.gather(*asking)) == {b"value"}
    assert loads == 1


async def test_one_who_gives_up_does_not_end_the_computation_of_the_others(cache: Cache) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def load() -> bytes:
        began.set()
        await go.wait()
        return b"value"

    first, second = (asyncio.create_task(cache.get_or_load("key", load)) for _ in range(2))
    await began.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go.set()
    assert await second == b"value"
    assert await cache.get_or_load("key", nothing) == b"value"


async def test_a_computation_that_nobody_waits_for_any_more_is_kept(cache: Cache) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def load() -> bytes:
        began.set()
        await go.wait()
        return b"value"

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await cache.get_or_load("key", load)
    go.set()
    await until(lambda: not cache._engine._tasks)
    assert await cache.get_or_load("key", nothing) == b"value"


@pytest.mark.parametrize(
    "error", [StatusError(Code.NOT_FOUND, "no such key"), KeyError("defect"), TimeoutError("slow")]
)
async def test_a_failure_reaches_everybody_and_is_not_kept(cache: Cache, error: Exception) -> None:
    async def fail() -> bytes:
        await asyncio.sleep(0)
        raise error

    asking = [asyncio.create_task(cache.get_or_load("key", fail)) for _ in range(3)]
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert results == [error, error, error]
    assert await cache.get_or_load("key", one) == b"1"


async def test_a_failure_that_nobody_waits_for_is_no_warning(cache: Cache) -> None:
    go = asyncio.Event()

    async def fail() -> bytes:
        await go.wait()
        raise KeyError("defect")

    asking = asyncio.create_task(cache.get_or_load("key", fail))
    await asyncio.sleep(0)
    asking.cancel()
    go.set()
    await until(lambda: not cache._engine._tasks)


async def test_a_computation_that_cancels_itself_is_a_defect_and_not_a_cancelled_caller(
    cache: Cache,
) -> None:
    async def load() -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="ended with CancelledError"):
        await cache.get_or_load("key", load)


async def test_a_value_is_forgotten_when_its_time_is_over() -> None:
    async with Cache(None, "test", ttl=0.03) as cache:
        assert await cache.get_or_load("key", one) == b"1"

        async def computed_again() -> bool:
            async def two() -> bytes:
                return b"2"

            return await cache.get_or_load("key", two) == b"2"

        await until(computed_again)


async def test_an_invalidated_value_is_computed_again(cache: Cache) -> None:
    for key in ("a", "b"):
        await cache.get_or_load(key, one)
    await cache.invalidate("a")
    assert await cache.get_or_load("b", nothing) == b"1"
    with pytest.raises(AssertionError):
        await cache.get_or_load("a", nothing)

    assert await cache.invalidate_all()
    with pytest.raises(AssertionError):
        await cache.get_or_load("b", nothing)


@pytest.mark.parametrize("everything", [False, True], ids=["one key", "all keys"])
async def test_who_asks_after_an_invalidation_does_not_get_what_was_computed_before(
    cache: Cache, everything: bool
) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def slow() -> bytes:
        began.set()
        await go.wait()
        return b"old"

    before = asyncio.create_task(cache.get_or_load("key", slow))
    await began.wait()
    await (cache.invalidate_all() if everything else cache.invalidate("key"))
    assert await cache.get_or_load("key", one) == b"1"
    go.set()
    assert await before == b"old"
    assert await cache.get_or_load("key", nothing) == b"1"


async def test_closing_ends_computations_with_a_status(caplog: pytest.LogCaptureFixture) -> None:
    async with Cache(None, "test", ttl=60) as cache:
        asking = asyncio.create_task(cache.get_or_load("key", _forever))
        await until(lambda: cache._engine._tasks)
    with pytest.raises(StatusError) as caught:
        await asking
    assert caught.value.code is Code.UNAVAILABLE
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def _forever() -> bytes:
    await asyncio.Event().wait()
    return b""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": "a{b}"}, "name is 'a{b}': write letters"),
        ({"ttl": 0}, "ttl has to be more than 0"),
        ({"local_ttl": 61}, "has to be more than 0, and local_ttl from 0 to ttl"),
        ({"stale_while_revalidate": -1}, "stale_while_revalidate has to be 0 or more"),
        ({"load_timeout": 0}, "has to be 0 or more, and load_timeout more than 0"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(
    arguments: dict[str, object], text: str
) -> None:
    with pytest.raises(ValueError, match=r"has to be|write letters") as caught:
        Cache(None, **{"name": "test", "ttl": 60, **arguments})  # type: ignore[arg-type]
    assert text in str(caught.value)
