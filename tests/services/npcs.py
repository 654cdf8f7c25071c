"""Situations and requests for tests of NPC behaviour."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2
from tests.services.quests import ids, locations

MARKET: Final = common_pb2.Location(
    world_id="overworld", zone_id="market", position=common_pb2.Position(x=0, y=0, z=0)
)

_unit: Final = st.floats(min_value=0, max_value=1)
_few_ids: Final = st.sampled_from(["wolf", "ada", "bob", "door"])
_facts: Final[st.SearchStrategy[dict[str, Any]]] = st.dictionaries(
    st.sampled_from(["alarm", "quest_role", "quest_player", "quest_title", "quest_completed"]),
    st.sampled_from(["giver", "contact", "ada", True, False, 3.0]),
)


def entity(
    entity_id: str,
    *,
    kind: npc_behavior_pb2.EntityKind.ValueType = npc_behavior_pb2.ENTITY_KIND_PLAYER,
    distance: float = 5.0,
    disposition: float = 0.0,
    threat: float = 0.0,
) -> npc_behavior_pb2.PerceivedEntity:
    """Somebody whom an NPC perceives."""
    return npc_behavior_pb2.PerceivedEntity(
        entity_id=entity_id,
        kind=kind,
        distance=distance,
        disposition=disposition,
        threat=threat,
    )


def goal(
    kind: npc_behavior_pb2.GoalKind.ValueType,
    target_id: str = "",
    *,
    weight: float = 1.0,
    location: common_pb2.Location | None = None,
) -> npc_behavior_pb2.Goal:
    """Something that an NPC wants, named after its kind."""
    name = npc_behavior_pb2.GoalKind.Name(kind).removeprefix("GOAL_KIND_").lower()
    return npc_behavior_pb2.Goal(
        goal_id=name, kind=kind, target_id=target_id, weight=weight, location=location
    )


def request(
    *goals: npc_behavior_pb2.Goal,
    entities: tuple[npc_behavior_pb2.PerceivedEntity, ...] = (),
    npc_id: str = "npc-1",
    health: float | None = None,
) -> npc_behavior_pb2.PlanBehaviorRequest:
    """Asks for a plan for an NPC on the market."""
    return npc_behavior_pb2.PlanBehaviorRequest(
        npc_id=npc_id,
        situation=npc_behavior_pb2.Situation(location=MARKET, entities=entities, health=health),
        goals=goals,
    )


@st.composite
def goals(draw: st.DrawFn) -> npc_behavior_pb2.Goal:
    """Valid goals."""
    drawn = npc_behavior_pb2.Goal(
        goal_id=draw(ids),
        kind=draw(st.sampled_from(npc_behavior_pb2.GoalKind.values()[1:])),
        target_id=draw(_few_ids | st.just("")),
        location=draw(st.none() | locations()),
        weight=draw(st.floats(min_value=0, max_value=1, exclude_min=True)),
    )
    if draw(st.booleans()):
        drawn.within.FromMilliseconds(draw(st.integers(1, 86_400_000)))
    return drawn


@st.composite
def entities(draw: st.DrawFn) -> npc_behavior_pb2.PerceivedEntity:
    """Whom and what an NPC may perceive."""
    return entity(
        draw(_few_ids),
        kind=draw(st.sampled_from(npc_behavior_pb2.EntityKind.values())),
        distance=draw(st.floats(min_value=0, max_value=10_000)),
        disposition=draw(st.floats(min_value=-1, max_value=1)),
        threat=draw(_unit),
    )


@st.composite
def requests(draw: st.DrawFn) -> npc_behavior_pb2.PlanBehaviorRequest:
    """Valid requests."""
    drawn = npc_behavior_pb2.PlanBehaviorRequest(
        npc_id=draw(ids),
        situation=npc_behavior_pb2.Situation(
            location=draw(locations()),
            health=draw(st.none() | _unit),
            entities=draw(
                st.lists(entities(), max_size=4, unique_by=lambda entity: entity.entity_id)
            ),
            tags=draw(st.lists(st.sampled_from(["ambush", "night"]), unique=True)),
        ),
        goals=draw(st.lists(goals(), max_size=4)),
        max_actions=draw(st.none() | st.integers(1, 64)),
    )
    if draw(st.booleans()):
        drawn.world.world_id = "overworld"
        drawn.world.facts.update(draw(_facts))
    if draw(st.booleans()):
        drawn.horizon.FromMilliseconds(draw(st.integers(1, 86_400_000)))
    return drawn
