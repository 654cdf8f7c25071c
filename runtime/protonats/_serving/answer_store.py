"""Answers to calls with an idempotency key, kept in Redis.

A record is one hash, so each step is one script on one key, on a single server as on a cluster:

| field | value |
|---|---|
| `digest` | what the first call asked for |
| `owner` | who runs it, while it runs |
| `lease` | until when its owner is taken to be alive, in milliseconds of Redis's clock |
| `answer` | its answer, when it is done |
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import RedisClusterException, RedisError

from protonats._serving.answers import Begun, StoreUnavailable
from protonats._wire.idempotency import KeyedRequest

if TYPE_CHECKING:
    from protonats.redis import AnyRedis

_TIMEOUT: Final = 1.0
"""Seconds for one command."""

_LEASE: Final = 10.0

_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

_BEGIN: Final = _NOW + """
local r = redis.call('HMGET', KEYS[1], 'digest', 'lease', 'answer')
if r[1] then
    if r[1] ~= ARGV[1] then return {'differs'} end
    if r[3] then return {'done', r[3]} end
    if tonumber(r[2]) > now then return {'running'} end
end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'owner', ARGV[2], 'lease', now + ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'begun'}
"""
_RENEW: Final = _NOW + """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'lease', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
_FINISH: Final = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('HDEL', KEYS[1], 'owner', 'lease')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
_RELEASE: Final = """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""


class RedisAnswers:
    """Keeps answers in Redis; an `AnswerStore`."""

    def __init__(self, redis: AnyRedis, *, lease: float = _LEASE) -> None:
        """
        Args:
            redis: One server or a cluster.
            lease: Seconds after which a call whose instance says nothing more may be run by
                another.
        """
        self._redis = cast(Any, redis)
        self._lease = round(lease * 1000)
        self.renewal = lease / 3

    async def begin(self, call: KeyedRequest, owner: str, ttl: float) -> tuple[Begun, bytes]:
        arguments = (call.digest, owner, self._lease, self._life(ttl))
        found = await self._run(_BEGIN, call, *arguments)
        return Begun(found[0].decode()), found[1] if len(found) > 1 else b""

    async def renew(self, call: KeyedRequest, owner: str, ttl: float) -> bool:
        return bool(await self._run(_RENEW, call, owner, self._lease, self._life(ttl)))

    async def finish(self, call: KeyedRequest, owner: str, answer: bytes, ttl: float) -> bool:
        return bool(await self._run(_FINISH, call, owner, answer, round(ttl * 1000)))

    async def release(self, call: KeyedRequest, owner: str) -> None:
        await self._run(_RELEASE, call, owner)

    def _life(self, ttl: float) -> int:
        """Milliseconds for which the record of a call that runs is kept: it must not be gone before
        its lease is renewed, or has passed."""
        return max(round(ttl * 1000), 2 * self._lease)

    async def _run(self, script: str, call: KeyedRequest, *arguments: str | bytes | int) -> Any:
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._redis.eval(
                    script, 1, f"protonats:idem:{{{call.name}}}", *arguments
                )
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            raise StoreUnavailable(str(error) or type(error).__name__) from None
