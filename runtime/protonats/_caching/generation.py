"""Which cached values are too old, told by a number that all instances share.

Redis holds the generation of a cache. It only grows, and whoever invalidates the cache makes it
grow. An entry carries the generation that its writer knew *before* the value was computed, and a
reader takes no entry whose generation is less than its own. So an entry that was computed from
what an invalidation has changed is refused by everyone who knows of the invalidation, in whatever
order instances learn of it and write.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protonats._ending import end
from protonats._scripts import FAILURES, Script

if TYPE_CHECKING:
    from protonats.redis import AnyRedis

_logger = logging.getLogger("protonats")

TIMEOUT: Final = 0.25
"""Seconds that the cache waits for Redis."""

_FIRST_BACKOFF: Final = 0.1
_LAST_BACKOFF: Final = 2.0
_SEEN_SECONDS: Final = 60

# A generation that Redis has lost comes back above all earlier ones: its clock has moved on.
_READ: Final = Script("""
local now = redis.call('TIME')
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
local known = tonumber(ARGV[1])
if current == 0 then known = math.max(known, now[1] * 1000000 + now[2]) end
if current < known then
  current = known
  redis.call('SET', KEYS[1], string.format('%.0f', current))
end
return string.format('%.0f', current)
""")

# Every instance hears of an event: the first one counts it, the others get the same number.
_ADVANCE: Final = Script("""
local seen = redis.call('GET', KEYS[2])
if seen then return seen end
local now = redis.call('TIME')
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
current = math.max(current + 1, tonumber(ARGV[1]) + 1, now[1] * 1000000 + now[2])
local text = string.format('%.0f', current)
redis.call('SET', KEYS[1], text)
redis.call('SET', KEYS[2], text, 'EX', ARGV[2])
return text
""")


class Generation:
    """The generation of one cache, as this process knows it.

    It is unknown at first, while an invalidation is not yet written down in Redis, and after Redis
    has failed: then a task asks Redis again, with growing pauses, and nobody else waits for it.

    Attributes:
        value: The generation; None while it is unknown, and Redis is of no use.
    """

    def __init__(
        self,
        redis: AnyRedis,
        name: str,
        *,
        max_age: float,
        on_newer: Callable[[], None],
        on_error: Callable[[], None],
    ) -> None:
        """
        Args:
            redis: Where it is kept.
            name: The name of the cache.
            max_age: Seconds after which it is read again.
            on_newer: Called when it turns out that others have invalidated the cache.
            on_error: Called when Redis fails.
        """
        self.value: int | None = None
        self._redis = redis
        self._name = name
        self._tag = f"protonats:cache:{{{name}}}"
        self._max_age = max_age
        self._on_newer = on_newer
        self._on_error = on_error
        self._highest = 0
        self._read_at = 0.0
        self._pending: set[str] = set()
        self._failing = False
        self._attempt: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def current(self) -> int | None:
        """The generation; awaits the answer to a question that is under way, unless Redis fails."""
        if self.value is None:
            self._settle_soon()
            if not self._failing and self._attempt is not None:
                await asyncio.shield(self._attempt)
        return self.value

    @property
    def is_old(self) -> bool:
        """Whether it is time to `read` it."""
        return asyncio.get_running_loop().time() - self._read_at >= self._max_age

    async def read(self) -> None:
        """Reads it.

        Raises:
            One of `FAILURES`.
        """
        self._read_at = asyncio.get_running_loop().time()
        self.learn(int(await _READ.run(self._redis, self._keys, [self._highest], timeout=TIMEOUT)))

    def learn(self, value: int) -> None:
        """Takes notice of a generation that Redis holds, or an entry has."""
        if value > self._highest:
            first = self._highest == 0
            self._highest = value
            if self.value is not None:
                self.value = value
            if not first:
                self._on_newer()

    def advance(self, cause: str | None = None) -> None:
        """Invalidates everything that was computed before now.

        Args:
            cause: What it is invalidated by, the same for all instances that hear of it; None for
                this process alone.
        """
        self.value = None
        self._pending.add(cause or secrets.token_hex(16))
        self._settle_soon()

    async def advanced(self) -> bool:
        """Whether all invalidations are written down in Redis, after an attempt to do so."""
        await self.current()
        return not self._pending

    def failed(self, error: BaseException) -> None:
        """Takes notice that Redis did not answer."""
        self.value = None
        self._fail(error)
        self._settle_soon()

    async def close(self) -> None:
        """Asks no more."""
        if self._task is not None:
            await end([self._task])
            self._task = None

    def _fail(self, error: BaseException) -> None:
        self._on_error()
        if not self._failing:
            self._failing = True
            reason = str(error) or type(error).__name__
            _logger.warning("the cache %s does without Redis: %s", self._name, reason)

    @property
    def _keys(self) -> list[str]:
        return [f"{self._tag}:generation"]

    def _settle_soon(self) -> None:
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._attempt = loop.create_future()
            self._task = loop.create_task(self._settle())

    def _end_attempt(self) -> None:
        if self._attempt is not None and not self._attempt.done():
            self._attempt.set_result(None)
        self._attempt = None

    async def _settle(self) -> None:
        try:
            await self._ask_until_answered()
        finally:
            self._task = None
            self._end_attempt()

    async def _ask_until_answered(self) -> None:
        backoff = _FIRST_BACKOFF
        if self._failing:
            await asyncio.sleep(backoff)
        while True:
            pending = set(self._pending)
            try:
                await self._ask(pending)
            except FAILURES as error:
                self._fail(error)
                self._end_attempt()
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _LAST_BACKOFF)
                continue
            if self._failing:
                self._failing = False
                _logger.info("the cache %s has Redis again", self._name)
            self._pending -= pending
            if not self._pending:
                self.value = self._highest
                return

    async def _ask(self, pending: set[str]) -> None:
        if not pending:
            await self.read()
            return
        self._read_at = asyncio.get_running_loop().time()
        # The number of one of several would not count the others.
        cause = next(iter(pending)) if len(pending) == 1 else secrets.token_hex(16)
        keys = [*self._keys, f"{self._tag}:seen:{cause}"]
        arguments = [self._highest, _SEEN_SECONDS]
        answer = await _ADVANCE.run(self._redis, keys, arguments, timeout=TIMEOUT)
        self._highest = max(self._highest, int(answer))
