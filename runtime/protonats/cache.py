"""A cache for values that take long to compute: in memory, over Redis."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from protonats._caching.engine import MAX_BYTES, MAX_ENTRIES, CacheEngine, Flight
from protonats.metrics import Metrics

if TYPE_CHECKING:
    from protonats.redis import AnyRedis

__all__ = ["Cache"]

_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]+")


class Cache:
    """Values by key, which processes share through Redis. The cache of a method, which its schema
    declares, works the same way.

        async with Cache(application.redis, "profiles", ttl=60) as profiles:
            profile = await profiles.get_or_load(user_id, lambda: load_profile(user_id))

    A key is computed once at a time in a process, however many ask for it. While Redis is away,
    values are computed that it would have had, and nobody waits for it.
    """

    def __init__(
        self,
        redis: AnyRedis | None,
        name: str,
        *,
        ttl: float,
        local_ttl: float | None = None,
        stale_while_revalidate: float = 0.0,
        load_timeout: float = 30.0,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        metrics: Metrics | None = None,
    ) -> None:
        """
        Args:
            redis: A client made by `connect_redis`; None keeps values in memory alone.
            name: Processes with the same name share values: letters, digits, `_`, `.`, `:`, `-`.
            ttl: Seconds for which a value is fresh.
            local_ttl: Seconds for which it is kept in memory, and for which an invalidation by
                another process may go unnoticed; 0 keeps it in Redis alone. By default 0.1, or
                `ttl` without Redis.
            stale_while_revalidate: Seconds after `ttl` for which a value is served from Redis
                while a new one is computed.
            load_timeout: Seconds that computing a value may take.
            max_entries: How many values are kept in memory.
            max_bytes: How many bytes they may have in memory, with their keys.
            metrics: Where hits and misses are counted, as those of a method with this name, for
                example those of the connection.

        Raises:
            ValueError: An argument makes no sense; the text says which.
        """
        if local_ttl is None:
            local_ttl = ttl if redis is None else min(0.1, ttl)
        if not _NAME.fullmatch(name):
            raise ValueError(f"name is {name!r}: write letters, digits, '_', '.', ':' and '-'")
        if ttl <= 0 or not 0 <= local_ttl <= ttl:
            raise ValueError("ttl has to be more than 0, and local_ttl from 0 to ttl")
        if stale_while_revalidate < 0 or load_timeout <= 0:
            raise ValueError(
                "stale_while_revalidate has to be 0 or more, and load_timeout more than 0"
            )
        self._engine = CacheEngine(
            redis,
            name,
            ttl=ttl,
            local_ttl=local_ttl,
            stale=stale_while_revalidate,
            load_timeout=load_timeout,
            max_age=local_ttl,
            metrics=Metrics() if metrics is None else metrics,
            labels=("", name),
            max_entries=max_entries,
            max_bytes=max_bytes,
        )

    async def get_or_load(self, key: str | bytes, load: Callable[[], Awaitable[bytes]]) -> bytes:
        """The value of a key: from memory, from Redis, or what `load` returns.

        Whoever waits may be cancelled; `load` goes on for the others, and for the cache.

        Raises:
            StatusError: DEADLINE_EXCEEDED, `load` took longer than `load_timeout`; UNAVAILABLE, the
                cache was closed meanwhile.
            Exception: Whatever `load` raises, which is not kept.
        """
        if isinstance(key, str):
            key = key.encode()
        value = self._engine.local(key)
        if value is not None:
            return value

        async def keep(flight: Flight) -> tuple[bytes, bool]:
            return await load(), True

        return await self._engine.fetch(key, keep).value()

    async def invalidate(self, key: str | bytes) -> None:
        """Removes a value, and keeps one away whose computation has begun in any process. Other
        processes may serve theirs from memory for `local_ttl` seconds.

        While Redis is away, all values are invalidated as soon as it is back.
        """
        await self._engine.invalidate(key.encode() if isinstance(key, str) else key)

    async def invalidate_all(self) -> bool:
        """Invalidates all values, and those whose computation has begun in any process. Other
        processes may notice after `local_ttl` seconds.

        Returns:
            Whether it is done. If not, Redis is away, and it is done as soon as it is back, if this
            process is still there.
        """
        self._engine.invalidate_all()
        return await self._engine.invalidated()

    async def aclose(self) -> None:
        """Ends computations and whatever runs in the background."""
        await self._engine.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
