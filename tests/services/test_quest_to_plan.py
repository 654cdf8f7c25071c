"""From a quest to the plans of its NPCs: three services that know each other by events alone."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1.npc_behavior_nats import NpcBehaviorServiceEvents
from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServiceClient
from protonats import Connection
from protonats.testing import EmbeddedNats, EmbeddedRedis
from services.npc_behavior.service import NpcBehaviorService
from services.quest.service import QuestService
from tests.functional.game import until
from tests.services.platform import Events, serving

pytestmark = pytest.mark.anyio

PLANNED = NpcBehaviorServiceEvents.npc_behavior_planned
GIVER = "npc-harbour-master"


async def test_a_quest_reaches_its_npcs_whichever_instance_takes_it(
    nats: EmbeddedNats, redis: EmbeddedRedis, connection: Connection, events: Events
) -> None:
    quests = QuestServiceClient(connection)
    async with AsyncExitStack() as stack:
        for make in (QuestService, NpcBehaviorService, NpcBehaviorService):
            await stack.enter_async_context(serving(make, nats.url, redis.url))
        quest = (
            await quests.generate_quest(
                quest_pb2.GenerateQuestRequest(
                    player_id="ada",
                    seed=11,
                    difficulty=common_pb2.DIFFICULTY_HARD,
                    level=10,
                    theme=quest_pb2.QUEST_THEME_DELIVERY,
                    giver_npc_id=GIVER,
                )
            )
        ).quest
        (receiver,) = (
            objective.target_id
            for objective in quest.objectives
            if objective.kind == quest_pb2.OBJECTIVE_KIND_DELIVER
        )

        async def planned(times: int) -> bool:
            return [await events.count(PLANNED, npc) for npc in (GIVER, receiver)] == [times] * 2

        await until(lambda: planned(1))
        assert (await events.last(PLANNED, GIVER)).quest_id == quest.quest_id

        for objective in quest.objectives:
            await quests.complete_objective(
                quest_pb2.CompleteObjectiveRequest(
                    quest_id=quest.quest_id,
                    objective_id=objective.objective_id,
                    player_id="ada",
                )
            )
        await until(lambda: planned(2))

    for npc_id in (GIVER, receiver):
        plan = (await events.last(PLANNED, npc_id)).plan
        assert plan.actions[0].utterance == "That was well done."
