"""Who of several processes relays the events of a partition."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from protonats._ending import end
from protonats._scripts import FAILURES, Argument, Script

if TYPE_CHECKING:
    from protonats.redis import AnyRedis

_TIMEOUT: Final = 2.0

_TAKE: Final = Script("""
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")

_RELEASE: Final = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
""")


class Lease:
    """A lease in Redis, renewed while its block runs. Whoever dies with it loses it when its time
    is over; whoever stands still for longer finds `held` false."""

    def __init__(self, redis: AnyRedis, key: str, seconds: float) -> None:
        self._redis = redis
        self._key = key
        self._seconds = seconds
        self._owner = secrets.token_hex(16)
        self._until = 0.0
        self._renewing: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """Whether nobody else can have it at this moment."""
        return asyncio.get_running_loop().time() < self._until

    async def __aenter__(self) -> Self:
        """Takes the lease, if nobody has it: `held` tells.

        Raises:
            One of `protonats._scripts.FAILURES`.
        """
        await self._take()
        if self.held:
            self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._renewing is not None:
            await end([self._renewing])
            # Where it cannot be given back, it expires.
            with suppress(*FAILURES):
                await _RELEASE.run(self._redis, [self._key], [self._owner], timeout=_TIMEOUT)

    async def _take(self) -> None:
        until = asyncio.get_running_loop().time() + self._seconds
        arguments: list[Argument] = [self._owner, round(self._seconds * 1000)]
        taken = await _TAKE.run(self._redis, [self._key], arguments, timeout=_TIMEOUT)
        self._until = until if taken else 0.0

    async def _renew(self) -> None:
        while self.held:
            await asyncio.sleep(self._seconds / 3)
            with suppress(*FAILURES):
                await self._take()
