"""Lua scripts that run in Redis, each as one step."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from redis.exceptions import NoScriptError, RedisClusterException, RedisError

if TYPE_CHECKING:
    from protonats.redis import AnyRedis

__all__ = ["FAILURES", "Argument", "Script"]

Argument: TypeAlias = bytes | str | int
"""A key or an argument of a script."""

FAILURES: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a command raises that Redis did not answer, or refused."""


class Script:
    """A script that Redis keeps under its hash; its text is sent where Redis has forgotten it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(
        self,
        redis: AnyRedis,
        keys: Sequence[str],
        arguments: Sequence[Argument] = (),
        *,
        timeout: float,
    ) -> Any:
        """Runs it, and returns its answer.

        Args:
            redis: Where to run it.
            keys: The keys that it uses: all in one hash slot.
            arguments: What else it gets.
            timeout: Seconds for all attempts together.

        Raises:
            One of `FAILURES`.
        """
        count = len(keys)
        async with asyncio.timeout(timeout):
            try:
                return await redis.evalsha(self._sha, count, *keys, *arguments)
            except NoScriptError:
                return await redis.eval(self._text, count, *keys, *arguments)
