"""What the platform does for a player, from end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from uuid import uuid4

from nats.js.api import DeliverPolicy

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_nats
from bodybroker.quest.v1 import quest_nats, quest_pb2
from bodybroker.state_manager.v1 import state_manager_nats, state_manager_pb2

__all__ = ["FLOWS", "Flow", "FlowError", "quest_request"]

_EVENT_TIMEOUT = 10.0


class FlowError(Exception):
    """The platform did something else than it should; the text says what."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """One thing that is tried."""

    name: str
    """What should happen, in a few words."""

    run: Callable[[protonats.Connection], Coroutine[object, object, str]]
    """Tries it; returns what happened, or raises `FlowError` or `StatusError`."""


def quest_request(player_id: str) -> quest_pb2.GenerateQuestRequest:
    """Asks for a quest that an NPC hands out, a new one each time."""
    return quest_pb2.GenerateQuestRequest(
        player_id=player_id,
        difficulty=common_pb2.DIFFICULTY_NORMAL,
        level=10,
        tags=["city", "night"],
        giver_npc_id="npc-harbour-master",
    )


async def quest_becomes_plan(connection: protonats.Connection) -> str:
    """Generates a quest, and waits for the plan that its event leads an NPC to."""
    event = npc_behavior_nats.NpcBehaviorServiceEvents.npc_behavior_planned
    planned = await connection.jetstream.subscribe(
        f"{event.subject}.>", ordered_consumer=True, deliver_policy=DeliverPolicy.NEW
    )
    try:
        quests = quest_nats.QuestServiceClient(connection)
        quest = (await quests.generate_quest(quest_request("player-tour"))).quest
        async with asyncio.timeout(_EVENT_TIMEOUT):
            async for message in planned.messages:
                plan = event.message.FromString(message.data)
                if plan.quest_id == quest.quest_id:
                    actions = len(plan.plan.actions)
                    return f"{plan.npc_id} plans {actions} actions for {quest.title!r}"
        raise FlowError(f"the subscription to {event.subject} ended")
    except TimeoutError:
        raise FlowError(f"no {event.subject} came within {_EVENT_TIMEOUT:.0f} s") from None
    finally:
        await planned.unsubscribe()


async def quest_is_completed(connection: protonats.Connection) -> str:
    """Does every objective of a quest, in order, twice."""
    quests = quest_nats.QuestServiceClient(connection)
    quest = (await quests.generate_quest(quest_request("player-tour"))).quest
    completions = 0
    for objective in [*quest.objectives, *quest.objectives]:
        request = quest_pb2.CompleteObjectiveRequest(
            quest_id=quest.quest_id,
            objective_id=objective.objective_id,
            player_id=quest.player_id,
        )
        completions += (await quests.complete_objective(request)).quest_completed
    if completions != 1:
        raise FlowError(f"quest {quest.quest_id} was completed {completions} times, not once")
    return f"{quest.title!r} has {len(quest.objectives)} objectives and was completed once"


async def state_is_compared_and_set(connection: protonats.Connection) -> str:
    """Writes a state, reads it back, and writes it once more as if nobody had."""
    states = state_manager_nats.StateManagerServiceClient(connection)
    player = f"player-{uuid4().hex[:8]}"
    first = (await states.update(_update(player, gold=10, expected_version=0))).state
    second = (await states.update(_update(player, gold=25, expected_version=first.version))).state
    read = (
        await states.get(
            state_manager_pb2.GetRequest(kind=state_manager_pb2.STATE_KIND_PLAYER, id=player)
        )
    ).state
    if read != second or read.data["gold"] != 25:
        raise FlowError(f"version {second.version} was written, and {read} was read")
    try:
        await states.update(_update(player, gold=99, expected_version=first.version))
    except protonats.StatusError as error:
        if error.code is not protonats.Code.ABORTED:
            raise
        return f"version {second.version} read back; a write over {first.version} was ABORTED"
    raise FlowError(f"a write over version {first.version} went through, after {second.version}")


def _update(player: str, *, gold: int, expected_version: int) -> state_manager_pb2.UpdateRequest:
    request = state_manager_pb2.UpdateRequest(
        kind=state_manager_pb2.STATE_KIND_PLAYER,
        id=player,
        mode=common_pb2.UPDATE_MODE_MERGE,
        expected_version=expected_version,
    )
    request.data["gold"] = gold
    return request


FLOWS = (
    Flow(name="a quest leads an NPC to a plan", run=quest_becomes_plan),
    Flow(name="a quest is completed once", run=quest_is_completed),
    Flow(name="a state is compared and set", run=state_is_compared_and_set),
)
"""Everything that is tried, in this order."""
