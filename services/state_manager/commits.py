"""Writing a state and telling of it, as one piece of work that the end of a call does not cut."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypeVar

import protonats
from bodybroker.state_manager.v1 import state_manager_pb2
from bodybroker.state_manager.v1.state_manager_nats import StateManagerServicePublisher
from protonats import deadline
from services.state_manager.cache import StateCache
from services.state_manager.store import Key, StateStore

_logger = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_BACKOFF: Final = 0.05
_LAST_BACKOFF: Final = 2.0
_PATIENCE: Final = 30.0
_PASSING: Final = (protonats.Code.UNAVAILABLE, protonats.Code.DEADLINE_EXCEEDED)


class Commits:
    """The writes of one instance: bucket, Redis, event, in this order.

    A caller that goes away, or a deadline that passes, would leave a state behind of which nobody
    hears. So a write that has begun comes to its end in a task of its own.
    """

    def __init__(
        self, connection: protonats.Connection, store: StateStore, cache: StateCache
    ) -> None:
        self._connection = connection
        self._publisher = StateManagerServicePublisher(connection)
        self._store = store
        self._cache = cache
        self._running: set[asyncio.Task[Any]] = set()

    async def write(
        self, state: state_manager_pb2.State, *, after: int, changed_keys: Iterable[str]
    ) -> state_manager_pb2.State | None:
        """Writes a state if `after` is its revision, and publishes its event.

        Returns:
            The state with its version; None if somebody else wrote in between.

        Raises:
            StatusError: The bucket or the event's stream does not answer. In the second case the
                state is written, and the text says so.
        """
        return await self._finish_anyway(self._write(state, after, list(changed_keys)))

    async def announce(self, state: state_manager_pb2.State, changed_keys: Iterable[str]) -> None:
        """Publishes the event of a state; one that was published lately is not published again.

        Raises:
            StatusError: The event's stream does not answer, or refuses it.
        """
        await self._finish_anyway(self._announce(state, list(changed_keys)))

    async def finish(self) -> None:
        """Returns when everything that was begun has come to its end."""
        if self._running:
            await asyncio.wait(self._running)

    async def _finish_anyway(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nobody may be left to hear of it.
            _logger.warning("a write failed: %s", error)

    async def _write(
        self, state: state_manager_pb2.State, after: int, changed_keys: list[str]
    ) -> state_manager_pb2.State | None:
        await self._cache.drop(Key.of(state.key), below=after + 1)
        version = await self._store.write(state, after=after)
        if version is None:
            return None
        state.version = version
        await self._cache.put(state)
        await self._announce(state, changed_keys)
        return state

    async def _announce(self, state: state_manager_pb2.State, changed_keys: list[str]) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _PATIENCE
        backoff = _FIRST_BACKOFF
        # The deadline of the call is not that of the event.
        with deadline.scope(None, deadline.current_trace()):
            while True:
                try:
                    return await self._publish(state, changed_keys)
                except protonats.StatusError as error:
                    hopeless = self._connection.is_closed or loop.time() + backoff > give_up
                    if hopeless or error.code not in _PASSING:
                        raise protonats.StatusError(
                            error.code,
                            f"{Key.of(state.key)} is written with version {state.version}, but its"
                            f" event is not published: {error.message}",
                        ) from error
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _LAST_BACKOFF)

    async def _publish(self, state: state_manager_pb2.State, changed_keys: list[str]) -> None:
        key = Key.of(state.key)
        event_id = f"state.{key.kind_name}.{key.id}.{state.version}"
        if key.kind == state_manager_pb2.STATE_KIND_PLAYER:
            await self._publisher.publish_player_state_updated(
                state_manager_pb2.PlayerStateUpdated(
                    player_id=key.id,
                    version=state.version,
                    data=state.data,
                    changed_keys=changed_keys,
                    occurred_at=state.updated_at,
                ),
                event_id=event_id,
            )
        else:
            await self._publisher.publish_entity_state_updated(
                state_manager_pb2.EntityStateUpdated(
                    entity_id=key.id,
                    version=state.version,
                    data=state.data,
                    changed_keys=changed_keys,
                    occurred_at=state.updated_at,
                ),
                event_id=event_id,
            )
