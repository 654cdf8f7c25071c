"""Where states are kept: the buckets hold the truth, and the revision is the version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import protonats
from bodybroker.state_manager.v1 import state_manager_pb2

_BUCKETS: Final = {
    state_manager_pb2.STATE_KIND_PLAYER: "player_state",
    state_manager_pb2.STATE_KIND_ENTITY: "entity_state",
}


@dataclass(frozen=True, slots=True)
class Key:
    """Names one state."""

    kind: state_manager_pb2.StateKind.ValueType
    """Whether it is a player's or an entity's."""

    id: str
    """The player or entity."""

    @classmethod
    def of(
        cls,
        message: (
            state_manager_pb2.StateKey
            | state_manager_pb2.GetRequest
            | state_manager_pb2.UpdateRequest
        ),
    ) -> Self:
        """The key that a message names."""
        return cls(message.kind, message.id)

    @property
    def message(self) -> state_manager_pb2.StateKey:
        """The key as the schema has it."""
        return state_manager_pb2.StateKey(kind=self.kind, id=self.id)

    @property
    def kind_name(self) -> str:
        """`player` or `entity`."""
        return state_manager_pb2.StateKind.Name(self.kind).removeprefix("STATE_KIND_").lower()

    def __str__(self) -> str:
        return f"{self.kind_name} {self.id}"


class StateStore:
    """The buckets of player and entity states."""

    def __init__(
        self, buckets: dict[state_manager_pb2.StateKind.ValueType, protonats.KeyValue]
    ) -> None:
        self._buckets = buckets

    @classmethod
    async def open(cls, app: protonats.Application) -> Self:
        """The buckets, as they were created.

        Raises:
            StatusError: FAILED_PRECONDITION, a bucket is missing; UNAVAILABLE.
        """
        return cls({kind: await app.key_value(name) for kind, name in _BUCKETS.items()})

    async def read(self, key: Key) -> tuple[state_manager_pb2.State | None, int]:
        """A state with the revision that the next write has to follow; None if there is none.

        Raises:
            StatusError: UNAVAILABLE.
        """
        entry = await self._buckets[key.kind].read(key.id)
        if entry.value is None:
            return None, entry.revision
        state = state_manager_pb2.State.FromString(entry.value)
        # A revision is known only when its value is written.
        state.version = entry.revision
        return state, entry.revision

    async def write(self, state: state_manager_pb2.State, *, after: int) -> int | None:
        """Writes a state if `after` is its revision.

        Returns:
            The new version; None if somebody else wrote in between.

        Raises:
            StatusError: UNAVAILABLE; the state may be written.
        """
        unversioned = state_manager_pb2.State()
        unversioned.CopyFrom(state)
        unversioned.ClearField("version")
        key = Key.of(state.key)
        return await self._buckets[key.kind].write(
            key.id, unversioned.SerializeToString(), after=after
        )
