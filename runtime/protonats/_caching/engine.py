"""One cache: memory over Redis, and one computation at a time for each key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from protonats._caching.local import LocalTier
from protonats._ending import end
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics

if TYPE_CHECKING:
    from protonats._caching.shared import Found, SharedTier
    from protonats.redis import AnyRedis

_logger = logging.getLogger("protonats")

MAX_ENTRIES: Final = 10_000
MAX_BYTES: Final = 16 * 1024 * 1024


class Flight:
    """The computation of one value, which all who ask meanwhile wait for.

    Attributes:
        attached: What the computation has for all of them besides the value, also where it fails.
    """

    __slots__ = ("attached", "future", "void")

    def __init__(self, future: asyncio.Future[bytes]) -> None:
        self.attached: Any = None
        self.future = future
        self.void = False
        """Whether the value was invalidated, and may not be kept."""

    async def value(self) -> bytes:
        """Waits for the value.

        Raises:
            StatusError: DEADLINE_EXCEEDED, computing it took too long; UNAVAILABLE, the cache was
                closed meanwhile.
            Exception: Whatever the computation raised.
        """
        return await asyncio.shield(self.future)


Load: TypeAlias = Callable[[Flight], Awaitable[tuple[bytes, bool]]]
"""Computes a value, and says whether it may be kept."""


class CacheEngine:
    """Values by key. What a value is computed from is the caller's affair; a failure is not kept.

    Whoever waits may give up without an effect on the others: the computation goes on, and has a
    time-out of its own.
    """

    def __init__(
        self,
        redis: AnyRedis | None,
        name: str,
        *,
        ttl: float,
        local_ttl: float,
        stale: float,
        load_timeout: float,
        max_age: float,
        metrics: Metrics,
        labels: tuple[str, str],
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """
        Args:
            redis: A client that returns bytes; None keeps values in memory alone.
            name: What the keys in Redis begin with, after `protonats:cache:`.
            ttl: Seconds for which a value is fresh.
            local_ttl: Seconds for which it is kept in memory.
            stale: Seconds after `ttl` for which it is served while a new one is computed.
            load_timeout: Seconds that computing a value may take.
            max_age: Seconds for which an invalidation by another process may go unnoticed.
            metrics: Where hits and misses are counted.
            labels: The service and method that they are counted for.
            max_entries: How many values are kept in memory.
            max_bytes: How many bytes they may have, with their keys.
        """
        self._local = LocalTier(max_entries, max_bytes)
        self._shared: SharedTier | None = None
        self._local_ttl = local_ttl
        self._load_timeout = load_timeout
        self._metrics = metrics
        self._local_labels = (*labels, "local")
        self._redis_labels = (*labels, "redis")
        self._flights: dict[bytes, Flight] = {}
        self._refreshes: dict[bytes, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        if redis is not None:
            # Who keeps nothing in Redis does not load its client.
            from protonats._caching.shared import SharedTier

            self._shared = SharedTier(
                redis,
                name,
                ttl=ttl,
                stale=stale,
                load_timeout=load_timeout,
                max_age=max_age,
                on_newer=self._forget_all,
                on_error=self._count_error,
            )

    def local(self, key: bytes) -> bytes | None:
        """The value in memory, if there is a fresh one."""
        value = self._local.get(key, asyncio.get_running_loop().time())
        self._metrics.cached("misses" if value is None else "hits", self._local_labels)
        return value

    def fetch(self, key: bytes, load: Load) -> Flight:
        """Begins to fetch the value of a key that is not in memory, unless somebody else has: from
        Redis, or computed."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = self._flight()
            self._begin(self._fly(key, flight, load))
        return flight

    async def invalidate(self, key: bytes) -> None:
        """Removes one value from this process and from Redis, and keeps those away whose
        computation has begun. Other processes keep theirs in memory until it expires."""
        self._local.remove(key)
        for flights in (self._flights, self._refreshes):
            flight = flights.pop(key, None)
            if flight is not None:
                flight.void = True
        if self._shared is not None:
            await self._shared.invalidate(key)

    def invalidate_all(self, cause: str | None = None) -> None:
        """Invalidates all values: at once in this process, and in Redis as soon as it answers.

        Args:
            cause: What they are invalidated by, the same for all instances that hear of it.
        """
        self._forget_all()
        if self._shared is not None:
            self._shared.generation.advance(cause)

    async def invalidated(self) -> bool:
        """Whether all invalidations are in Redis, after an attempt to get them there."""
        return self._shared is None or await self._shared.generation.advanced()

    async def close(self) -> None:
        """Ends computations and whatever runs in the background."""
        self._closing = True
        await end(self._tasks)
        if self._shared is not None:
            await self._shared.close()

    def _flight(self) -> Flight:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        # Perhaps nobody waits for it any more when it fails.
        future.add_done_callback(_take_notice)
        return Flight(future)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fly(self, key: bytes, flight: Flight, load: Load) -> None:
        try:
            found = None if self._shared is None else await self._shared.find(key)
            if found is None or found.value is None:
                if found is not None:
                    self._metrics.cached("misses", self._redis_labels)
                await self._load(key, flight, load, found)
            elif found.fresh > 0:
                self._metrics.cached("hits", self._redis_labels)
                self._keep(key, flight, found.value, found.fresh)
            else:
                self._metrics.cached("stale", self._redis_labels)
                flight.future.set_result(found.value)
                if key not in self._refreshes and not flight.void:
                    refresh = self._refreshes[key] = self._flight()
                    self._begin(self._refresh(key, refresh, load, found))
        except asyncio.CancelledError:
            _fail(flight, StatusError(Code.UNAVAILABLE, "the cache is closed"))
            raise
        except Exception as error:
            _fail(flight, error)
        finally:
            _end(self._flights, key, flight)

    async def _refresh(self, key: bytes, flight: Flight, load: Load, found: Found) -> None:
        try:
            await self._load(key, flight, load, found)
        except StatusError as error:
            _logger.debug("a stale value stays, as there is no new one: %s", error)
        except Exception:
            _logger.exception("a stale value stays, as computing a new one failed")
        finally:
            _end(self._refreshes, key, flight)

    async def _load(self, key: bytes, flight: Flight, load: Load, found: Found | None) -> None:
        bound = asyncio.timeout(self._load_timeout)
        try:
            async with bound:
                value, keep = await load(flight)
        except TimeoutError:
            if not bound.expired():
                raise
            text = f"no value within {self._load_timeout:g} s, the time that the cache waits"
            raise StatusError(Code.DEADLINE_EXCEEDED, text) from None
        except asyncio.CancelledError:
            if self._closing:
                raise
            raise RuntimeError("computing a value ended with CancelledError") from None
        if not keep:
            flight.future.set_result(value)
            return
        self._keep(key, flight, value, self._local_ttl)
        # Who comes now finds it in memory, or computes it again; Redis keeps nobody waiting.
        _end(self._flights, key, flight)
        if found is not None and self._shared is not None and not flight.void:
            await self._shared.store(key, value, found)

    def _keep(self, key: bytes, flight: Flight, value: bytes, fresh: float) -> None:
        if not flight.void and self._local_ttl > 0:
            now = asyncio.get_running_loop().time()
            self._local.put(key, value, now + min(fresh, self._local_ttl))
        flight.future.set_result(value)

    def _forget_all(self) -> None:
        self._local.clear()
        for flights in (self._flights, self._refreshes):
            for flight in flights.values():
                flight.void = True
            flights.clear()

    def _count_error(self) -> None:
        self._metrics.cached("errors", self._redis_labels)


def _fail(flight: Flight, error: Exception) -> None:
    if not flight.future.done():
        flight.future.set_exception(error)


def _end(flights: dict[bytes, Flight], key: bytes, flight: Flight) -> None:
    if flights.get(key) is flight:
        del flights[key]


def _take_notice(future: asyncio.Future[bytes]) -> None:
    if not future.cancelled():
        future.exception()
