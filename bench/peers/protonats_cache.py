"""The cache of protonats."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from time import perf_counter

import protonats
from bench import messages
from bench.peer import Outcome, Workload

__all__ = ["workloads"]

_CACHED = 1_000


def workloads(application: protonats.Application) -> Mapping[str, Workload]:
    """What can be measured of the cache, by name."""
    value: bytes = messages.item().SerializeToString()
    keys = [f"item-{number}" for number in range(_CACHED)]

    async def load() -> bytes:
        return value

    async def missed() -> bytes:
        raise RuntimeError("the value is not in the cache")

    async def hits(hot: protonats.Cache, keys: Iterable[str]) -> Outcome:
        latencies = []
        for key in keys:
            began = perf_counter()
            await hot.get_or_load(key, missed)
            latencies.append(perf_counter() - began)
        return {
            "count": len(latencies),
            "seconds": sum(latencies),
            "p50": statistics.median(latencies),
        }

    def cache() -> protonats.Cache:
        return protonats.Cache(application.redis, "bench", ttl=600.0, local_ttl=600.0)

    async def local() -> Outcome:
        async with cache() as filled:
            await filled.get_or_load(keys[0], load)
            return await hits(filled, keys[:1] * _CACHED)

    async def redis() -> Outcome:
        async with cache() as filled:
            for key in keys:
                await filled.get_or_load(key, load)
        async with cache() as empty:  # one that has nothing in its own memory
            return await hits(empty, keys)

    return {"cache-local": local, "cache-redis": redis}
