"""The outbox: a change of state in Redis and the events that tell of it, as one step."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from protonats._outbox.change import Change
from protonats._outbox.partitions import Partitions
from protonats._outbox.relay import Relay

if TYPE_CHECKING:
    from protonats.connection import Connection
    from protonats.redis import AnyRedis

__all__ = ["Outbox"]

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_CLOSE_GRACE: Final = 5.0


class Outbox:
    """Writes state and events to Redis in one step, and relays the events to their streams.

        async with Outbox(connection, redis, "quest") as outbox:
            async with outbox.change(quest_id) as change:
                change.redis.hset(change.key("quest"), "state", "completed")
                change.publish(QuestServiceEvents.quest_completed, event)

    Either both are written or none. A written event is published at least once, whoever dies: with
    the id that it was written with, so that its stream drops a second one within its duplicates
    window. The events of one entity are published in the order of its changes. All processes that
    have entered an outbox of this name relay, each partition one at a time.

    It is as durable as Redis is: a failover to a replica loses what was not replicated yet, state
    and event together. State that must not be lost belongs into a bucket of JetStream.
    """

    def __init__(
        self,
        connection: Connection,
        redis: AnyRedis,
        name: str,
        *,
        partitions: int = 16,
        poll_interval: float = 2.0,
        lease: float = 10.0,
    ) -> None:
        """
        Args:
            connection: Where events are published.
            redis: Where state and events are written: a client made by `connect_redis`.
            name: The name of the outbox, as a rule that of the service: letters, digits, `_`, `.`,
                `-`. Keys of state begin with it.
            partitions: How many parts it has, each in a hash slot of its own. It must stay the
                same as long as there is state: keys depend on it.
            poll_interval: Seconds between looks for events that a dead process has left.
            lease: Seconds after which another process goes on with the work of a dead one.

        Raises:
            ValueError: An argument makes no sense.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"name is {name!r}: write letters, digits, '_', '.' and '-'")
        if partitions < 1 or poll_interval <= 0 or lease <= 0:
            raise ValueError("partitions, poll_interval and lease have to be more than 0")
        self.name = name
        self._connection = connection
        self._redis = redis
        self._partitions = Partitions(name, partitions)
        self._relay = Relay(
            connection, redis, self._partitions, poll_interval=poll_interval, lease=lease
        )

    def key(self, kind: str, entity_id: str) -> str:
        """The key of some state of an entity, in the hash slot of its events.

        Args:
            kind: What state it is, for example `quest`.
            entity_id: The entity's id.
        """
        return self._partitions.of(entity_id).key(kind, entity_id)

    @asynccontextmanager
    async def change(self, entity_id: str) -> AsyncIterator[Change]:
        """A change of one entity's state; made when the block ends, and not at all if it raises.

        Raises:
            StatusError: ABORTED, an expectation of the change does not hold; UNAVAILABLE, Redis
                does not answer, and the change may have been made.
            redis.exceptions.ResponseError: Redis refuses one of the commands. Commands before it
                have been run, as Redis has no way back; the events are not published.
        """
        partition = self._partitions.of(entity_id)
        change = Change(self._connection, self._redis, partition, entity_id)
        yield change
        await change.apply()
        if change.events:
            self._connection.metrics.outbox("written", self.name, change.events)
            self._relay.wake(partition)

    async def __aenter__(self) -> Self:
        self._relay.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._relay.close(_CLOSE_GRACE)
