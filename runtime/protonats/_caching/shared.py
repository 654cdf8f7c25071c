"""The farther tier of a cache: Redis, which all instances share."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from protonats._caching.generation import TIMEOUT, Generation
from protonats._scripts import FAILURES, Argument, Script

if TYPE_CHECKING:
    from protonats.redis import AnyRedis

MAX_VALUE: Final = 4 * 1024 * 1024
"""How many bytes a value in Redis may have: a larger one takes longer than the cache waits."""

# What an entry is, its generation, and a random number that tells it from any other.
_HEADER: Final = struct.Struct(">BQ8s")
_VALUE: Final = 1
_TOMBSTONE: Final = 0

# Both in one round trip. The age comes from Redis, as clocks of instances differ.
_FIND: Final = Script("return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}")

# Not over a tombstone or another value that came while this one was computed.
_STORE: Final = Script("""
local found = redis.call('GETRANGE', KEYS[1], 0, 16)
if found ~= '' and found ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
""")

_BURY: Final = Script("redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])")


@dataclass(frozen=True, slots=True)
class Found:
    """What Redis holds under a key."""

    value: bytes | None
    """The value; None where there is none that may be served."""

    fresh: float
    """For how many more seconds the value is fresh; 0 or less for a stale one."""

    header: bytes
    """What a new value may replace."""

    generation: int
    """The generation of a value whose computation begins now."""


class SharedTier:
    """The values of one cache in Redis. While Redis fails, nothing is found, and nobody waits."""

    def __init__(
        self,
        redis: AnyRedis,
        name: str,
        *,
        ttl: float,
        stale: float,
        load_timeout: float,
        max_age: float,
        on_newer: Callable[[], None],
        on_error: Callable[[], None],
    ) -> None:
        """
        Args:
            redis: A client that returns bytes.
            name: The name of the cache.
            ttl: Seconds for which a value is fresh.
            stale: Seconds after those for which it may be served.
            load_timeout: Seconds that computing a value takes at most, in any instance.
            max_age: Seconds for which an invalidation by another process may go unnoticed.
            on_newer: Called when others have invalidated the cache.
            on_error: Called when Redis fails.
        """
        self.generation = Generation(
            redis, name, max_age=max_age, on_newer=on_newer, on_error=on_error
        )
        self._redis = redis
        self._prefix = f"protonats:cache:{name}:"
        self._stale = stale
        self._keep_ms = round((ttl + stale) * 1000)
        self._bury_ms = round((load_timeout + 1) * 1000)

    async def find(self, key: bytes) -> Found | None:
        """What Redis holds under a key; None while Redis is of no use."""
        generation = self.generation
        if await generation.current() is None:
            return None
        find = _FIND.run(self._redis, [self._name(key)], timeout=TIMEOUT)
        try:
            if generation.is_old:
                (entry, left), _ = await asyncio.gather(find, generation.read())
            else:
                entry, left = await find
        except FAILURES as error:
            generation.failed(error)
            return None
        header, value, written_in = _read(entry)
        if written_in is not None:
            generation.learn(written_in)
        now = generation.value
        if now is None:
            return None
        if written_in is None or written_in < now:
            value = None
        return Found(value, left / 1000 - self._stale, header, now)

    async def store(self, key: bytes, value: bytes, found: Found) -> None:
        """Stores a value whose computation began after `found` was."""
        if len(value) > MAX_VALUE:
            return
        entry = _HEADER.pack(_VALUE, found.generation, secrets.token_bytes(8)) + value
        arguments: list[Argument] = [found.header, entry, self._keep_ms]
        try:
            await _STORE.run(self._redis, [self._name(key)], arguments, timeout=TIMEOUT)
        except FAILURES as error:
            self.generation.failed(error)

    async def invalidate(self, key: bytes) -> None:
        """Removes a value, and keeps those away whose computation has begun. Where Redis fails, all
        values are invalidated as soon as it is back."""
        # A tombstone outlives every computation that is under way.
        tombstone = _HEADER.pack(_TOMBSTONE, 0, secrets.token_bytes(8))
        arguments: list[Argument] = [tombstone, self._bury_ms]
        try:
            await _BURY.run(self._redis, [self._name(key)], arguments, timeout=TIMEOUT)
        except FAILURES as error:
            self.generation.failed(error)
            self.generation.advance()

    async def close(self) -> None:
        """Ends what runs in the background."""
        await self.generation.close()

    def _name(self, key: bytes) -> str:
        return f"{self._prefix}{{{hashlib.sha256(key).hexdigest()}}}"


def _read(entry: bytes | None) -> tuple[bytes, bytes | None, int | None]:
    """Header, value and generation of an entry; what is none counts as a tombstone."""
    if entry is None:
        return b"", None, None
    header = entry[: _HEADER.size]
    if len(header) < _HEADER.size or header[0] != _VALUE:
        return header, None, None
    return header, entry[_HEADER.size :], _HEADER.unpack(header)[1]
