"""Valid requests for every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.message import Message

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2
from bodybroker.quest.v1 import quest_nats, quest_pb2
from bodybroker.state_manager.v1 import state_manager_nats, state_manager_pb2
from calls import Endpoint
from filler import filled
from flows import quest_request

__all__ = ["Samples", "prepare_samples", "sample"]

_PLAYERS = 50

Samples = Mapping[str, Callable[[int], Message]]
"""Makes the n-th request of a method, by the method's full name."""


async def prepare_samples(connection: protonats.Connection) -> Samples:
    """Creates what the requests refer to: a quest, and a state for each of fifty players."""
    quests = quest_nats.QuestServiceClient(connection)
    quest = (await quests.generate_quest(quest_request("player-load"))).quest
    states = state_manager_nats.StateManagerServiceClient(connection)
    for number in range(_PLAYERS):
        await states.update(_update(number))
    completion = quest_pb2.CompleteObjectiveRequest(
        quest_id=quest.quest_id,
        objective_id=quest.objectives[0].objective_id,
        player_id=quest.player_id,
    )
    state_manager = "bodybroker.state_manager.v1.StateManagerService"
    return {
        "bodybroker.quest.v1.QuestService.GenerateQuest": lambda n: quest_request(_player(n)),
        "bodybroker.quest.v1.QuestService.CompleteObjective": lambda n: completion,
        "bodybroker.npc_behavior.v1.NpcBehaviorService.PlanBehavior": _plan,
        f"{state_manager}.Update": _update,
        f"{state_manager}.Get": lambda n: state_manager_pb2.GetRequest(
            kind=state_manager_pb2.STATE_KIND_PLAYER, id=_player(n)
        ),
        f"{state_manager}.BatchGet": lambda n: state_manager_pb2.BatchGetRequest(
            keys=[_key(number) for number in range(n, n + 10)]
        ),
    }


def sample(samples: Samples, endpoint: Endpoint, number: int) -> Message:
    """The n-th request for an endpoint; any valid one where the service has yet to be written."""
    make = samples.get(endpoint.name)
    return make(number) if make else filled(endpoint.method.request)


def _player(number: int) -> str:
    return f"player-{number % _PLAYERS}"


def _key(number: int) -> state_manager_pb2.StateKey:
    return state_manager_pb2.StateKey(kind=state_manager_pb2.STATE_KIND_PLAYER, id=_player(number))


def _update(number: int) -> state_manager_pb2.UpdateRequest:
    request = state_manager_pb2.UpdateRequest(
        kind=state_manager_pb2.STATE_KIND_PLAYER,
        id=_player(number),
        mode=common_pb2.UPDATE_MODE_MERGE,
    )
    request.data["gold"] = number
    return request


def _plan(number: int) -> Message:
    situation = npc_behavior_pb2.Situation(
        location=common_pb2.Location(world_id="overworld", zone_id="harbour"),
        description="A stranger draws a knife.",
        entities=[
            npc_behavior_pb2.PerceivedEntity(
                entity_id="stranger",
                kind=npc_behavior_pb2.ENTITY_KIND_NPC,
                distance=4.0,
                disposition=-0.5,
                threat=0.7,
            )
        ],
        tags=["night"],
    )
    goal = npc_behavior_pb2.Goal(
        goal_id="live", kind=npc_behavior_pb2.GOAL_KIND_SURVIVE, weight=1.0
    )
    return npc_behavior_pb2.PlanBehaviorRequest(
        npc_id=f"npc-{number % _PLAYERS}", situation=situation, goals=[goal]
    )
