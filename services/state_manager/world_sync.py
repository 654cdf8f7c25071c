"""What the events of a world make of the state of its entities.

A state has, under `worlds`, one object for each world that the entity was seen in. It has the
version of the world at which the entity changed last there, and what it was then:

    {"worlds": {"overworld": {"version": 7, "present": true, "zone_id": "hollow_market", ...}}}

An event tells something new if its version is higher. So events may come twice, late or in any
order: the newest counts, and an entity that was removed does not come back with an old event.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value

import protonats
from bodybroker.world_state.v1 import world_state_pb2

WORLDS: Final = "worlds"

_VERSION: Final = "version"
_PRESENT: Final = "present"


def entity_updated(state: Struct, event: world_state_pb2.WorldEntityUpdated) -> Struct | None:
    """The entity's state after the event; None if it tells nothing new.

    Raises:
        StatusError: INVALID_ARGUMENT, the event does not say what happened.
    """
    match event.WhichOneof("change"):
        case "updated":
            seen = _seen(event.updated)
            return _advance(state, event.world_id, event.version, seen, present=True)
        case "removed":
            return removed(state, event.world_id, event.version)
        case _:
            raise protonats.StatusError(
                protonats.Code.INVALID_ARGUMENT,
                f"the event of {event.entity_id} has neither `updated` nor `removed`",
            )


def removed(state: Struct, world_id: str, version: int) -> Struct | None:
    """The entity's state after it was removed from a world; None if that is known."""
    return _advance(state, world_id, version, Struct(), present=False)


def known_version(state: Struct, world_id: str) -> int:
    """The version of the world at which the entity changed last there; 0 if it never did."""
    worlds = _object(state, WORLDS)
    return int(_object(worlds, world_id).fields[_VERSION].number_value)


def _advance(
    state: Struct, world_id: str, version: int, seen: Struct, *, present: bool
) -> Struct | None:
    if version <= known_version(state, world_id):
        return None
    seen.fields[_VERSION].number_value = version
    seen.fields[_PRESENT].bool_value = present
    advanced = Struct()
    advanced.CopyFrom(state)
    # Whatever else stands under the key was written by somebody who did not know what it is for.
    if not advanced.fields[WORLDS].HasField("struct_value"):
        advanced.fields[WORLDS].CopyFrom(Value(struct_value=Struct()))
    worlds = advanced.fields[WORLDS].struct_value
    worlds.fields[world_id].CopyFrom(Value(struct_value=seen))
    return advanced


def _seen(entity: world_state_pb2.Entity) -> Struct:
    """What an event tells of an entity, as it stands in the state."""
    kind = world_state_pb2.EntityKind.Name(entity.kind).removeprefix("ENTITY_KIND_").lower()
    seen = Struct()
    for key, text in (("kind", kind), ("name", entity.name), ("zone_id", entity.zone_id)):
        seen.fields[key].string_value = text
    tags = ListValue(values=[Value(string_value=tag) for tag in entity.tags])
    seen.fields["tags"].list_value.CopyFrom(tags)
    if entity.HasField("position"):
        position = seen.fields["position"].struct_value
        for axis in ("x", "y", "z"):
            position.fields[axis].number_value = getattr(entity.position, axis)
    seen.fields["properties"].struct_value.CopyFrom(entity.properties)
    return seen


def _object(parent: Struct, key: str) -> Struct:
    """The object under a key; an empty one if there is none."""
    found = Struct()
    if key in parent.fields:
        found.CopyFrom(parent.fields[key].struct_value)
    return found
