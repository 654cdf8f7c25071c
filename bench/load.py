"""The loads that every peer is put under."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final

from bench.peer import Outcome, Workload

__all__ = ["WIDTH", "keep_in_flight", "megabytes", "once", "one_by_one", "side_by_side", "sized"]

WIDTH: Final = 64
"""How many calls are in flight."""

_LARGE: Final = 16 * 1024 * 1024


async def keep_in_flight(call: Callable[[], Awaitable[Any]], seconds: float) -> Outcome:
    """Makes calls, as many at once as `WIDTH` says, until the time is up."""
    count = 0
    began = perf_counter()
    until = began + seconds

    async def caller() -> None:
        nonlocal count
        while perf_counter() < until:
            await call()
            count += 1

    await asyncio.gather(*(caller() for _ in range(WIDTH)))
    return {"count": count, "seconds": perf_counter() - began}


async def one_by_one(call: Callable[[], Awaitable[Any]], seconds: float) -> Outcome:
    """Makes one call after the other until the time is up; `p50` is the median of their seconds."""
    latencies = []
    began = before = perf_counter()
    while before - began < seconds:
        await call()
        after = perf_counter()
        latencies.append(after - before)
        before = after
    return {
        "count": len(latencies),
        "seconds": before - began,
        "p50": statistics.median(latencies),
    }


def sized(run: Callable[[int], Awaitable[int]], first: int) -> Workload:
    """A workload of a stream, which is told how many messages to carry.

    Args:
        run: Carries as many messages and returns how many arrived.
        first: The size of the first run; the others are as long as the time allows.
    """
    rate: float | None = None

    async def workload(seconds: float) -> Outcome:
        nonlocal rate
        count = first if rate is None else max(1, int(rate * seconds))
        began = perf_counter()
        arrived = await run(count)
        taken = perf_counter() - began
        if arrived != count:
            raise RuntimeError(f"{arrived} of {count} messages arrived")
        rate = count / taken
        return {"count": count, "seconds": taken}

    return workload


async def side_by_side(run: Callable[[int], Awaitable[int]], count: int) -> int:
    """Carries messages on as many streams at once as `WIDTH` says, and returns how many arrived."""
    shares = (count // WIDTH + (number < count % WIDTH) for number in range(WIDTH))
    return sum(await asyncio.gather(*(run(share) for share in shares if share)))


async def once(run: Callable[[int], Awaitable[None]], size: int) -> Outcome:
    """Carries one message of a size in bytes, there and back."""
    began = perf_counter()
    await run(size)
    return {"count": 1, "seconds": perf_counter() - began}


async def megabytes(run: Callable[[int], Awaitable[None]], seconds: float) -> Outcome:
    """Carries messages of 16 MiB, there and back, until the time is up; `count` is megabytes."""
    count = 0.0
    began = perf_counter()
    while perf_counter() - began < seconds:
        await run(_LARGE)
        count += 2 * _LARGE / 1e6
    return {"count": count, "seconds": perf_counter() - began}
