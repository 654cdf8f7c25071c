"""Serves bodybroker.state_manager.v1.StateManagerService."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.state_manager.v1 import state_manager_pb2
from bodybroker.state_manager.v1.state_manager_nats import StateManagerServiceServer
from bodybroker.world_state.v1 import world_state_pb2
from services.state_manager import documents, world_sync
from services.state_manager.cache import StateCache
from services.state_manager.commits import Commits
from services.state_manager.store import Key, StateStore


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now


class StateManagerService(StateManagerServiceServer):
    """Keeps the state of players and entities.

    Each state is one JSON object with a version. The JetStream buckets hold
    the truth and survive a failover; Redis is read first, and written after
    them.
    """

    def __init__(self, app: protonats.Application, *, now: Callable[[], Timestamp] = _now) -> None:
        self._app = app
        self._now = now

    async def __aenter__(self) -> Self:
        self._store = await StateStore.open(self._app)
        self._cache = StateCache(self._app.redis)
        self._commits = Commits(self._app.connection, self._store, self._cache)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._commits.finish()
        await self._cache.aclose()

    async def update(
        self,
        request: state_manager_pb2.UpdateRequest,
        context: protonats.CallContext,
    ) -> state_manager_pb2.UpdateResponse:
        state = await self._write(
            Key.of(request),
            lambda old: documents.update(old, request.data, request.mode),
            expected=request.expected_version if request.HasField("expected_version") else None,
        )
        return state_manager_pb2.UpdateResponse(state=state)

    async def get(
        self,
        request: state_manager_pb2.GetRequest,
        context: protonats.CallContext,
    ) -> state_manager_pb2.GetResponse:
        key = Key.of(request)
        states = await self._read([key])
        if key not in states:
            raise protonats.StatusError(
                protonats.Code.NOT_FOUND, f"no state was ever written for {key}"
            )
        return state_manager_pb2.GetResponse(state=states[key])

    async def batch_get(
        self,
        request: state_manager_pb2.BatchGetRequest,
        context: protonats.CallContext,
    ) -> state_manager_pb2.BatchGetResponse:
        keys = list(dict.fromkeys(map(Key.of, request.keys)))
        states = await self._read(keys)
        return state_manager_pb2.BatchGetResponse(
            states=[states[key] for key in keys if key in states],
            missing=[key.message for key in keys if key not in states],
        )

    async def on_world_state_changed(
        self,
        event: world_state_pb2.WorldStateChanged,
        context: protonats.EventContext,
    ) -> None:
        # What was put or patched comes with an event of its own for each entity.
        for entity_id in event.removed_entity_ids:
            await self._sync(
                entity_id,
                lambda old: world_sync.removed(old, event.world_id, event.version),
                context,
            )

    async def on_world_entity_updated(
        self,
        event: world_state_pb2.WorldEntityUpdated,
        context: protonats.EventContext,
    ) -> None:
        await self._sync(
            event.entity_id, lambda old: world_sync.entity_updated(old, event), context
        )

    async def _sync(
        self,
        entity_id: str,
        change: Callable[[Struct], Struct | None],
        context: protonats.EventContext,
    ) -> None:
        """Brings an entity's state up to date with an event that may come more than once."""
        key = Key(state_manager_pb2.STATE_KIND_ENTITY, entity_id)
        written = await self._write(key, change)
        if written is None and context.delivery > 1:
            # The delivery before may have written the state and died before it told of it.
            state, _ = await self._store.read(key)
            if state is not None:
                await self._commits.announce(state, [world_sync.WORLDS])

    async def _read(self, keys: Iterable[Key]) -> dict[Key, state_manager_pb2.State]:
        """The newest states, from Redis where it has a copy."""
        keys = list(keys)
        found = await self._cache.read(keys)
        rest = [key for key in keys if key not in found]
        if not rest:
            return found
        answers = await asyncio.gather(*map(self._store.read, rest))
        stored = {
            key: state for key, (state, _) in zip(rest, answers, strict=True) if state is not None
        }
        if stored:
            await self._cache.put(*stored.values())
        return found | stored

    async def _write(
        self,
        key: Key,
        change: Callable[[Struct], Struct | None],
        *,
        expected: int | None = None,
    ) -> state_manager_pb2.State | None:
        """Writes what `change` makes of the stored object; again if somebody wrote in between.

        Returns:
            The state that was written; None if `change` leaves it as it is.

        Raises:
            StatusError: ABORTED, another version is stored than expected, and what
                `documents.check` and `Commits.write` raise.
        """
        # Every failed attempt is the success of another writer: together they get on, and the
        # deadline bounds each.
        while True:
            state, revision = await self._store.read(key)
            version = 0 if state is None else state.version
            if expected is not None and expected != version:
                raise _version_mismatch(key, expected, version)
            old = Struct() if state is None else state.data
            new = change(old)
            if new is None:
                return None
            documents.check(new)
            written = await self._commits.write(
                state_manager_pb2.State(key=key.message, data=new, updated_at=self._now()),
                after=revision,
                changed_keys=documents.changed_keys(old, new),
            )
            if written is not None:
                return written


def _version_mismatch(key: Key, expected: int, actual: int) -> protonats.StatusError:
    detail = common_pb2.ErrorInfo(
        reason=common_pb2.ERROR_REASON_VERSION_MISMATCH,
        domain="state",
        metadata={"expected_version": str(expected), "actual_version": str(actual)},
    )
    return protonats.StatusError(
        protonats.Code.ABORTED,
        f"{key} has version {actual}, not {expected}: read it again, then decide again",
        details=[detail],
    )
