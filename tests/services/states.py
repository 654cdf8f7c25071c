"""States and world events for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from bodybroker.world_state.v1 import world_state_pb2

AT: Final = Timestamp(seconds=1_700_000_000)

_scalars: Final = st.none() | st.booleans() | st.floats(-1e9, 1e9) | st.text(max_size=5)
_keys: Final = st.sampled_from(["a", "b", "c", ""])
_values: Final = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)

objects: Final[st.SearchStrategy[dict[str, Any]]] = st.dictionaries(_keys, _values, max_size=3)
"""JSON objects."""


def struct(value: Mapping[str, Any]) -> Struct:
    """A JSON object as a message."""
    return json_format.ParseDict(dict(value), Struct())


def plain(value: Struct) -> dict[str, Any]:
    """A message as a JSON object."""
    result: dict[str, Any] = json_format.MessageToDict(value)
    return result


def nested(levels: int) -> Struct:
    """An object of so many levels."""
    value: dict[str, Any] = {"leaf": 1}
    for _ in range(levels - 1):
        value = {"inner": value}
    return struct(value)


def entity_event(
    entity_id: str,
    version: int,
    *,
    world_id: str = "overworld",
    zone_id: str = "market",
    removed: bool = False,
) -> world_state_pb2.WorldEntityUpdated:
    """An entity that was changed, or removed."""
    entity = world_state_pb2.Entity(
        entity_id=entity_id,
        kind=world_state_pb2.ENTITY_KIND_NPC,
        name="Vael",
        zone_id=zone_id,
        tags=["healer"],
        properties=struct({"mood": "grim"}),
        version=version,
    )
    entity.position.x = 2.5
    return world_state_pb2.WorldEntityUpdated(
        entity_id=entity_id,
        world_id=world_id,
        updated=None if removed else entity,
        removed=entity if removed else None,
        version=version,
        occurred_at=AT,
    )
