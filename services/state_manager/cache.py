"""Copies of states in Redis, which may be missing but are not old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias

from google.protobuf.message import DecodeError
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from bodybroker.state_manager.v1 import state_manager_pb2
from protonats.v1 import options_pb2
from services.state_manager.store import Key

_logger = logging.getLogger(__name__)

_KEYSPACE: Final = (
    state_manager_pb2.DESCRIPTOR.services_by_name["StateManagerService"]
    .GetOptions()
    .Extensions[options_pb2.service]
    .redis[0]
)

# Both scripts keep the highest version that is known, also where there is no copy of it: whoever
# read an older state cannot put it back.
_PUT: Final = """
local known = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if known > tonumber(ARGV[1]) then return end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'state', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_DROP: Final = """
local known = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if known >= tonumber(ARGV[1]) then return end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

_FAILURES: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
_TIMEOUT: Final = 0.25
_RETRY: Final = 1.0
_IN_FLIGHT: Final = 64
_BATCH: Final = 1000

_Command: TypeAlias = tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A copy that Redis may have although it is old."""

    below: int
    """It is old if its version is below this one."""

    until: float
    """When it has expired in any case, in the event loop's time."""


class StateCache:
    """Redis in front of the buckets.

    Each copy is one hash of its own, so every command has one key and a cluster spreads them. A
    writer drops the copy before it writes the bucket and puts the new one after, so that no old
    copy stays behind a writer that dies in between.

    When Redis fails, this instance does not use it until it answers again, and every copy that was
    to be replaced meanwhile is dropped. Where Redis fails for one instance alone, another may read
    such a copy until then, at most for the time that the schema lets a copy live.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        *,
        timeout: float = _TIMEOUT,
        retry: float = _RETRY,
    ) -> None:
        """
        Args:
            redis: The connection.
            timeout: Seconds that Redis may take before the bucket is asked instead.
            retry: Seconds between attempts to reach a Redis that failed.
        """
        self._redis = redis
        self._timeout = timeout
        self._retry = retry
        self._ttl = _KEYSPACE.ttl.ToMilliseconds()
        self._slots = asyncio.Semaphore(_IN_FLIGHT)
        self._doubtful: dict[str, _Doubt] = {}
        self._repair: asyncio.Task[None] | None = None

    @property
    def suspended(self) -> bool:
        """Whether Redis failed and does not answer yet."""
        return self._repair is not None

    async def read(self, keys: Sequence[Key]) -> dict[Key, state_manager_pb2.State]:
        """The copies that there are."""
        if self.suspended:
            return {}
        names = [_name(key) for key in keys]
        copies = await self._run(
            dict.fromkeys(names, 0), [("HGET", name, "state") for name in names]
        )
        states = {}
        for key, copy in zip(keys, copies, strict=False):
            if copy is not None:
                with suppress(DecodeError):
                    states[key] = state_manager_pb2.State.FromString(copy)
        return states

    async def put(self, *states: state_manager_pb2.State) -> None:
        """Keeps copies, each unless a newer version is known."""
        versions = {_name(Key.of(state.key)): state.version for state in states}
        await self._run(
            versions,
            [
                ("EVAL", _PUT, 1, name, state.version, self._ttl, state.SerializeToString())
                for name, state in zip(versions, states, strict=True)
            ],
        )

    async def drop(self, key: Key, *, below: int) -> None:
        """Removes a copy whose version is below another, and lets none come back."""
        name = _name(key)
        await self._run({name: below}, [self._drop_command(name, below)])

    async def aclose(self) -> None:
        """Gives up to reach a Redis that failed."""
        if self._repair is not None:
            self._repair.cancel()
            await asyncio.wait([self._repair])

    async def _run(self, versions: Mapping[str, int], commands: Sequence[_Command]) -> list[Any]:
        """The results of commands; nothing if Redis fails.

        Args:
            versions: For each key, the version below which a copy is wrong if the commands fail.
            commands: What to do.
        """
        async with self._slots:
            if not self.suspended:
                try:
                    return await self._execute(commands)
                except _FAILURES as error:
                    _logger.warning("Redis is not used until it answers again: %r", error)
            self._doubt(versions)
            return []

    async def _execute(self, commands: Sequence[_Command]) -> list[Any]:
        async with asyncio.timeout(self._timeout):
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            results: list[Any] = await pipeline.execute()
            return results

    def _doubt(self, versions: Mapping[str, int]) -> None:
        # By then, a copy from before has expired.
        until = asyncio.get_running_loop().time() + self._ttl / 1000
        for name, version in versions.items():
            known = self._doubtful.get(name, _Doubt(0, until))
            self._doubtful[name] = _Doubt(max(version, known.below), until)
        if self._repair is None:
            self._repair = asyncio.create_task(self._drop_doubtful())

    async def _drop_doubtful(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := dict(islice(self._doubtful.items(), _BATCH)):
            try:
                await self._execute(
                    [self._drop_command(name, doubt.below) for name, doubt in batch.items()]
                )
            except _FAILURES:
                await asyncio.sleep(self._retry)
                done = {name for name, doubt in batch.items() if doubt.until <= loop.time()}
            else:
                done = set(batch)
            for name in done:
                # A doubt that is newer than the batch stays.
                if self._doubtful[name] == batch[name]:
                    del self._doubtful[name]
        self._repair = None
        _logger.warning("Redis is used again")

    def _drop_command(self, name: str, below: int) -> _Command:
        return ("EVAL", _DROP, 1, name, below, self._ttl)


def _name(key: Key) -> str:
    return f"{_KEYSPACE.prefix}:{key.kind_name}:{key.id}"
