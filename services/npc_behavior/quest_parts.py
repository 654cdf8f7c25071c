"""Which NPCs take part in a quest, and what they want while it runs and when it is over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2
from bodybroker.quest.v1 import quest_pb2
from services.npc_behavior import speech

# Objectives whose target is an NPC: what is protected may be a thing.
_WITH_NPC: Final = (quest_pb2.OBJECTIVE_KIND_TALK, quest_pb2.OBJECTIVE_KIND_DELIVER)
_CLOSE: Final = 3.0
_GRATEFUL: Final = 0.6


def begun(event: quest_pb2.QuestGenerated) -> list[npc_behavior_pb2.PlanBehaviorRequest]:
    """For each NPC of a new quest, what to plan for: to play its part, and to deal with people."""
    requests = []
    for npc_id, location in _npcs(event):
        role = speech.GIVER if npc_id == event.giver_npc_id else speech.CONTACT
        request = _request(npc_id, location)
        request.world.facts.update(
            {
                speech.QUEST_ROLE: role,
                speech.QUEST_PLAYER: event.player_id,
                speech.QUEST_TITLE: event.title,
            }
        )
        quest = request.goals.add(
            goal_id="quest",
            kind=npc_behavior_pb2.GOAL_KIND_QUEST,
            target_id=event.quest_id,
            weight=1.0,
        )
        if location is not None:
            quest.location.CopyFrom(location)
        request.goals.add(goal_id="trade", kind=npc_behavior_pb2.GOAL_KIND_TRADE, weight=0.3)
        requests.append(request)
    return requests


def ended(event: quest_pb2.QuestCompleted) -> list[npc_behavior_pb2.PlanBehaviorRequest]:
    """For each NPC of a completed quest, what to plan for: a word of thanks, and its own business.

    Whoever handed the quest out, or was part of its last objective, has the player before it.
    """
    done = [objective for objective in event.objectives if objective.HasField("completed_at")]
    last = max(done, key=lambda objective: objective.completed_at.ToNanoseconds(), default=None)
    requests = []
    for npc_id, location in _npcs(event):
        request = _request(npc_id, location)
        if npc_id == event.giver_npc_id or (last is not None and npc_id == last.target_id):
            request.situation.entities.add(
                entity_id=event.player_id,
                kind=npc_behavior_pb2.ENTITY_KIND_PLAYER,
                distance=_CLOSE,
                disposition=_GRATEFUL,
            )
            request.world.facts.update({speech.QUEST_COMPLETED: True})
            request.goals.add(
                goal_id="thank",
                kind=npc_behavior_pb2.GOAL_KIND_SOCIALIZE,
                target_id=event.player_id,
                weight=1.0,
            )
        request.goals.add(goal_id="trade", kind=npc_behavior_pb2.GOAL_KIND_TRADE, weight=0.5)
        requests.append(request)
    return requests


def _npcs(
    event: quest_pb2.QuestGenerated | quest_pb2.QuestCompleted,
) -> Iterable[tuple[str, common_pb2.Location | None]]:
    """The NPCs of a quest, each once, with the place where they are needed."""
    place = event.location if event.HasField("location") else None
    seen: dict[str, common_pb2.Location | None] = {}
    if event.giver_npc_id:
        seen[event.giver_npc_id] = place
    for objective in event.objectives:
        if objective.kind in _WITH_NPC and objective.target_id:
            there = objective.location if objective.HasField("location") else place
            seen.setdefault(objective.target_id, there)
    return seen.items()


def _request(
    npc_id: str, location: common_pb2.Location | None
) -> npc_behavior_pb2.PlanBehaviorRequest:
    request = npc_behavior_pb2.PlanBehaviorRequest(npc_id=npc_id)
    if location is not None:
        request.world.world_id = location.world_id
    return request
