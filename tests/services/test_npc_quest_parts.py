"""Which NPCs a quest concerns, and what they want."""

from __future__ import annotations

import protovalidate
from hypothesis import given

from bodybroker.npc_behavior.v1 import npc_behavior_pb2 as pb
from bodybroker.quest.v1 import quest_pb2
from services.npc_behavior import quest_parts
from services.npc_behavior.planner import plan_actions
from services.quest.generator import generate
from services.quest.progress import completed_event, generated_event
from tests.services.quests import AT, requests, seeds


def objective(
    objective_id: str, kind: quest_pb2.ObjectiveKind.ValueType, target_id: str
) -> quest_pb2.Objective:
    return quest_pb2.Objective(objective_id=objective_id, kind=kind, target_id=target_id)


def test_the_giver_and_whom_one_speaks_with_take_part() -> None:
    event = quest_pb2.QuestGenerated(
        quest_id="quest-1",
        player_id="ada",
        title="Not to Be Opened",
        giver_npc_id="npc_mayor",
        objectives=[
            objective("ask", quest_pb2.OBJECTIVE_KIND_TALK, "npc_mayor"),
            objective("slay", quest_pb2.OBJECTIVE_KIND_DEFEAT, "ghoul"),
            objective("bring", quest_pb2.OBJECTIVE_KIND_DELIVER, "npc_smith"),
            objective("guard", quest_pb2.OBJECTIVE_KIND_PROTECT, "town_gate"),
        ],
    )

    mayor, smith = quest_parts.begun(event)

    assert (mayor.npc_id, smith.npc_id) == ("npc_mayor", "npc_smith")
    assert plan_actions(mayor)[1].kind == pb.ACTION_KIND_OFFER_QUEST
    assert pb.ACTION_KIND_OFFER_QUEST not in {action.kind for action in plan_actions(smith)}


def test_a_quest_of_nobody_concerns_nobody() -> None:
    objectives = [objective("slay", quest_pb2.OBJECTIVE_KIND_DEFEAT, "ghoul")]
    assert quest_parts.begun(quest_pb2.QuestGenerated(objectives=objectives)) == []
    assert quest_parts.ended(quest_pb2.QuestCompleted(objectives=objectives)) == []


def test_whoever_saw_the_end_of_a_quest_says_thanks() -> None:
    event = quest_pb2.QuestCompleted(
        quest_id="quest-1",
        player_id="ada",
        giver_npc_id="npc_mayor",
        objectives=[
            objective("ask", quest_pb2.OBJECTIVE_KIND_TALK, "npc_guard"),
            objective("bring", quest_pb2.OBJECTIVE_KIND_DELIVER, "npc_smith"),
        ],
    )
    for seconds, done in enumerate(event.objectives, start=1):
        done.completed_at.FromSeconds(seconds)

    said = {
        request.npc_id: plan_actions(request)[0].utterance for request in quest_parts.ended(event)
    }

    assert said == {
        "npc_mayor": "That was well done.",
        "npc_guard": "",
        "npc_smith": "That was well done.",
    }


@given(requests(), seeds)
def test_every_npc_of_every_quest_gets_a_plan(
    request: quest_pb2.GenerateQuestRequest, seed: int
) -> None:
    quest = generate(request, seed=seed, created_at=AT)
    for done in quest.objectives:
        done.completed_at.CopyFrom(AT)
    quest.completed_at.CopyFrom(AT)
    begun = quest_parts.begun(generated_event(quest))
    ended = quest_parts.ended(completed_event(quest))

    assert [part.npc_id for part in begun] == [part.npc_id for part in ended]
    for part in (*begun, *ended):
        plan = pb.BehaviorPlan(plan_id="p", npc_id=part.npc_id, actions=plan_actions(part))
        protovalidate.validate(plan)
    if request.giver_npc_id:
        assert begun[0].npc_id == request.giver_npc_id
