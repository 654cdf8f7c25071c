"""What world events make of an entity's state."""

from __future__ import annotations

from random import Random

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from bodybroker.world_state.v1 import world_state_pb2
from protonats import StatusError
from services.state_manager import documents, world_sync
from tests.services.states import entity_event, plain, struct

_events = st.builds(
    entity_event,
    st.just("npc-1"),
    st.integers(min_value=1, max_value=6),
    world_id=st.sampled_from(["overworld", "underworld"]),
    removed=st.booleans(),
)


def apply(state: Struct, event: world_state_pb2.WorldEntityUpdated) -> Struct:
    return world_sync.entity_updated(state, event) or state


def test_a_state_tells_what_the_entity_is_in_each_world() -> None:
    state = apply(struct({"hunger": 3}), entity_event("npc-1", 7, zone_id="market"))
    state = apply(state, entity_event("npc-1", 2, world_id="underworld", removed=True))

    assert plain(state) == {
        "hunger": 3.0,
        "worlds": {
            "overworld": {
                "version": 7.0,
                "present": True,
                "kind": "npc",
                "name": "Vael",
                "zone_id": "market",
                "position": {"x": 2.5, "y": 0.0, "z": 0.0},
                "tags": ["healer"],
                "properties": {"mood": "grim"},
            },
            "underworld": {"version": 2.0, "present": False},
        },
    }
    documents.check(state)


def test_an_event_that_comes_again_or_late_tells_nothing_new() -> None:
    state = apply(Struct(), entity_event("npc-1", 7))

    assert world_sync.entity_updated(state, entity_event("npc-1", 7)) is None
    assert world_sync.entity_updated(state, entity_event("npc-1", 6, zone_id="mill")) is None
    assert world_sync.removed(state, "overworld", 7) is None
    assert world_sync.known_version(state, "overworld") == 7


def test_what_was_removed_does_not_come_back_with_an_old_event() -> None:
    state = world_sync.removed(Struct(), "overworld", 9)

    assert state is not None
    assert world_sync.entity_updated(state, entity_event("npc-1", 8)) is None
    assert world_sync.entity_updated(state, entity_event("npc-1", 10)) is not None


def test_both_events_of_a_removal_make_the_same_state() -> None:
    state = apply(Struct(), entity_event("npc-1", 3))
    assert world_sync.removed(state, "overworld", 4) == world_sync.entity_updated(
        state, entity_event("npc-1", 4, removed=True)
    )


def test_the_state_that_came_before_is_not_touched() -> None:
    state = struct({"worlds": {"overworld": {"version": 1}}})
    apply(state, entity_event("npc-1", 2))
    assert state == struct({"worlds": {"overworld": {"version": 1}}})


def test_what_is_no_object_under_the_key_gives_way() -> None:
    state = apply(struct({"worlds": 5}), entity_event("npc-1", 2))
    assert world_sync.known_version(state, "overworld") == 2


def test_an_event_that_does_not_say_what_happened_is_refused() -> None:
    event = world_state_pb2.WorldEntityUpdated(entity_id="npc-1", world_id="w", version=1)
    with pytest.raises(StatusError, match="npc-1 has neither `updated` nor `removed`"):
        world_sync.entity_updated(Struct(), event)


@given(st.lists(_events, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(
    events: list[world_state_pb2.WorldEntityUpdated], random: Random
) -> None:
    # A world has one event of an entity at each version.
    unique = list({(event.world_id, event.version): event for event in events}.values())
    shuffled = [*unique, *unique]
    random.shuffle(shuffled)

    state, other = Struct(), Struct()
    for event in sorted(unique, key=lambda event: event.version):
        state = apply(state, event)
    for event in shuffled:
        other = apply(other, event)
    assert other == state
