"""From Redis to the streams: publishes the events that wait in an outbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextvars import Context
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from protonats._ending import end
from protonats._outbox.lease import Lease
from protonats._outbox.partitions import Partition, Partitions
from protonats._publishing import store
from protonats._scripts import FAILURES, Script
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats.connection import Connection
    from protonats.redis import AnyRedis

_logger = logging.getLogger("protonats")

Entry: TypeAlias = tuple[bytes, dict[bytes, bytes]]
"""The id of an entry of a Redis stream, and its fields."""

_PAGE: Final = 100
_TIMEOUT: Final = 5.0
_FIRST_PAUSE: Final = 0.02
_LAST_PAUSE: Final = 5.0
_LAST_PAUSE_BEHIND_ANOTHER: Final = 0.5
_OUTAGES: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED})

_LOOK: Final = Script("""
local count = redis.call('XLEN', KEYS[1])
if count == 0 then return {0, 0} end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1][1]
local now = redis.call('TIME')
return {count, now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(first, '^%d+'))}
""")


class _Result(Enum):
    """How a visit to a partition ended."""

    EMPTY = "nothing waits any more"
    TAKEN = "another process relays"
    LEFT = "something could not be published"


class _Outage(Exception):
    """Nothing can be published for now; its argument is the reason."""


class Relay:
    """Publishes what waits, in the order of each entity, and removes what its stream has stored.

    A change wakes it for its partition. From time to time it looks into all partitions, for what a
    process has left behind that died.
    """

    def __init__(
        self,
        connection: Connection,
        redis: AnyRedis,
        partitions: Partitions,
        *,
        poll_interval: float,
        lease: float,
    ) -> None:
        self._connection = connection
        self._metrics = connection.metrics
        self._redis = redis
        self._outbox = partitions.outbox
        self._partitions = partitions.all()
        self._poll_interval = poll_interval
        self._lease = lease
        self._workers: dict[Partition, asyncio.Task[None]] = {}
        self._woken: set[Partition] = set()
        self._reported: set[str] = set()
        self._closing = False
        self._go_on = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look for what waits."""
        self._connection._on_restored.add(self._hurry)
        self._polling = _in_background(self._poll())

    def wake(self, partition: Partition) -> None:
        """Tells that events wait in a partition."""
        self._woken.add(partition)
        if partition not in self._workers and not self._closing:
            self._workers[partition] = _in_background(self._work(partition))

    async def close(self, grace: float) -> None:
        """Stops. What is not published by then waits for another process, or for the next start.

        Args:
            grace: Seconds for what is being published.
        """
        self._closing = True
        self._connection._on_restored.discard(self._hurry)
        self._hurry()
        if self._polling is not None:
            await end([self._polling])
        if self._workers:
            await asyncio.wait(list(self._workers.values()), timeout=grace)
        await end(self._workers.values())

    async def _poll(self) -> None:
        while True:
            count = oldest = failed = 0
            for partition in self._partitions:
                # One part of a cluster that is down says nothing about the others.
                try:
                    waiting, age = await self._look(partition)
                except FAILURES as error:
                    failed += 1
                    self._report("Redis", f"Redis does not answer: {error or 'time-out'}")
                    continue
                count += waiting
                oldest = max(oldest, age)
                if waiting:
                    self.wake(partition)
            if not failed:
                self._reported.discard("Redis")
                self._metrics.outbox_waiting(self._outbox, count, oldest / 1000)
            await asyncio.sleep(self._poll_interval)

    async def _look(self, partition: Partition) -> tuple[int, int]:
        """How many events wait there, and for how many milliseconds the oldest does."""
        count, age = await _LOOK.run(self._redis, [partition.entries], timeout=_TIMEOUT)
        return count, max(0, age)

    async def _work(self, partition: Partition) -> None:
        """Visits a partition until nothing waits there."""
        pause = _FIRST_PAUSE
        try:
            while not self._closing:
                self._woken.discard(partition)
                try:
                    result = await self._visit(partition)
                except FAILURES as error:
                    self._report("Redis", f"Redis does not answer: {error or 'time-out'}")
                    result = _Result.LEFT
                except Exception:
                    _logger.exception("relaying the outbox %s failed", self._outbox)
                    result = _Result.LEFT
                if result is _Result.EMPTY:
                    if partition not in self._woken:
                        return
                    pause = _FIRST_PAUSE
                    continue
                await self._pause(pause)
                last = _LAST_PAUSE if result is _Result.LEFT else _LAST_PAUSE_BEHIND_ANOTHER
                pause = min(pause * 2, last)
        finally:
            del self._workers[partition]

    def _hurry(self) -> None:
        """Ends the pauses of all who wait for better times."""
        self._go_on.set()
        self._go_on = asyncio.Event()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._go_on.wait()
        except TimeoutError:
            return

    async def _visit(self, partition: Partition) -> _Result:
        async with Lease(self._redis, partition.lease, self._lease) as lease:
            if lease.held:
                return await self._relay(partition, lease)
        waiting, _ = await self._look(partition)
        return _Result.TAKEN if waiting else _Result.EMPTY

    async def _relay(self, partition: Partition, lease: Lease) -> _Result:
        """Publishes all that waits; an entity whose event is refused waits with all that follow."""
        blocked: set[bytes] = set()
        start = "-"
        while entries := await self._page(partition, start):
            start = _after(entries[-1])
            chains: dict[bytes, list[Entry]] = {}
            for entry in entries:
                chains.setdefault(entry[1].get(b"entity", b""), []).append(entry)
            open_chains = [chain for entity, chain in chains.items() if entity not in blocked]
            done: list[bytes] = []
            results = await asyncio.gather(
                *(self._publish(chain, done, lease) for chain in open_chains),
                return_exceptions=True,
            )
            if done:
                async with asyncio.timeout(_TIMEOUT):
                    await self._redis.xdel(partition.entries, *done)
            for chain, result in zip(open_chains, results, strict=True):
                if isinstance(result, BaseException):
                    if not isinstance(result, _Outage):
                        raise result
                    return _Result.LEFT
                if not result:
                    blocked.add(chain[0][1].get(b"entity", b""))
        return _Result.LEFT if blocked else _Result.EMPTY

    async def _page(self, partition: Partition, start: str) -> Sequence[Entry]:
        async with asyncio.timeout(_TIMEOUT):
            page = await self._redis.xrange(partition.entries, min=start, max="+", count=_PAGE)
        return cast(Sequence[Entry], page)

    async def _publish(self, chain: list[Entry], done: list[bytes], lease: Lease) -> bool:
        """Publishes events one after the other; whether all were.

        Raises:
            _Outage: Nothing can be published for now.
        """
        for entry_id, fields in chain:
            if self._closing or not lease.held:
                raise _Outage
            try:
                subject, event_id = fields[b"subject"].decode(), fields[b"id"].decode()
                body, block = fields[b"body"], fields[b"block"]
            except (KeyError, UnicodeDecodeError):
                self._failed("malformed", "", f"entry {entry_id.decode()} is malformed")
                return False
            try:
                await store(self._connection, subject, body, block, event_id)
            except StatusError as error:
                outage = error.code in _OUTAGES
                reason = error.code.name.lower()
                self._failed(reason, "NATS" if outage else subject, error.message)
                if outage:
                    raise _Outage from error
                return False
            done.append(entry_id)
            self._metrics.outbox("relayed", self._outbox)
            if self._reported:
                self._reported -= {"NATS", subject}
        return True

    def _failed(self, reason: str, where: str, text: str) -> None:
        self._metrics.outbox_failed(self._outbox, reason)
        self._report(where, text)

    def _report(self, where: str, text: str) -> None:
        """Logs a trouble once, until it is over."""
        if where not in self._reported:
            self._reported.add(where)
            _logger.warning("events wait in the outbox %s: %s", self._outbox, text)


def _in_background(work: Any) -> asyncio.Task[None]:
    # Whoever makes a change has a deadline and a trace, which are not the relay's.
    return asyncio.get_running_loop().create_task(work, context=Context())


def _after(entry: Entry) -> str:
    """The least id that comes after an entry's."""
    milliseconds, _, number = entry[0].decode().partition("-")
    return f"{milliseconds}-{int(number) + 1}"
