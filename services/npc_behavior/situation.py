"""What an NPC makes of its situation: who is near, how dangerous it is, how far things are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2

# Metres at which a threat counts half.
_HALF_THREAT: Final = 20.0
_ALARM: Final = 0.2
_TENSE_TAGS: Final = frozenset({"ambush", "siege", "battle"})
_FRIENDLY: Final = -0.2
_HARMLESS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Assessment:
    """A situation as planning needs it."""

    location: common_pb2.Location
    """Where the NPC is."""

    health: float
    """0 dead, 1 unharmed."""

    danger: float
    """How much the NPC has to fear: 0 nothing, 1 death."""

    threat: npc_behavior_pb2.PerceivedEntity | None
    """Whom it has to fear most; None if nobody."""

    entities: dict[str, npc_behavior_pb2.PerceivedEntity]
    """Whom and what it perceives, by id, the nearest first."""

    facts: dict[str, str | float | bool]
    """What is known of the world, lists and objects left out."""

    def perceives(self, entity_id: str) -> bool:
        """Whether the NPC perceives an entity."""
        return entity_id in self.entities

    def company(self) -> list[npc_behavior_pb2.PerceivedEntity]:
        """Players and NPCs that one can deal with, the nearest first."""
        return [
            entity
            for entity in self.entities.values()
            if entity.kind
            in (npc_behavior_pb2.ENTITY_KIND_PLAYER, npc_behavior_pb2.ENTITY_KIND_NPC)
            and entity.disposition >= _FRIENDLY
            and entity.threat < _HARMLESS
        ]

    def text(self, fact: str) -> str:
        """A fact that is a text; empty if it is none, or not known."""
        value = self.facts.get(fact)
        return value if isinstance(value, str) else ""


def assess(
    situation: npc_behavior_pb2.Situation, world: npc_behavior_pb2.WorldSnapshot
) -> Assessment:
    """What a situation means to the NPC that is in it.

    The danger comes from the greatest threat, counted less with distance, more with wounds, a tense
    situation and the fact `alarm`.
    """
    facts: dict[str, str | float | bool] = {}
    for name, value in world.facts.fields.items():
        kind = value.WhichOneof("kind")
        if kind in ("string_value", "number_value", "bool_value"):
            facts[name] = getattr(value, kind)
    entities = sorted(situation.entities, key=lambda entity: (entity.distance, entity.entity_id))
    threat = max(entities, key=_menace, default=None)
    if threat is not None and _menace(threat) == 0:
        threat = None
    health = situation.health if situation.HasField("health") else 1.0
    danger = 0.0 if threat is None else _menace(threat) * (1.5 - health / 2)
    if facts.get("alarm") is True:
        danger += _ALARM
    if not _TENSE_TAGS.isdisjoint(situation.tags):
        danger += _ALARM
    return Assessment(
        location=situation.location,
        health=health,
        danger=min(1.0, danger),
        threat=threat,
        entities={entity.entity_id: entity for entity in entities},
        facts=facts,
    )


def distance(one: common_pb2.Location, other: common_pb2.Location) -> float | None:
    """Metres between two places; None if they are not known that well."""
    same_zone = (one.world_id, one.zone_id) == (other.world_id, other.zone_id)
    if not same_zone or not one.HasField("position") or not other.HasField("position"):
        return None
    here, there = one.position, other.position
    return math.dist((here.x, here.y, here.z), (there.x, there.y, there.z))


def _menace(entity: npc_behavior_pb2.PerceivedEntity) -> float:
    return entity.threat / (1 + entity.distance / _HALF_THREAT)
