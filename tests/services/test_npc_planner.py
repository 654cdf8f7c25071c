"""Planning: which actions follow from goals and a situation."""

from __future__ import annotations

import protovalidate
import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import assume, event, given

from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2 as pb
from protonats import Code, StatusError
from services.npc_behavior import speech
from services.npc_behavior.planner import plan_actions
from tests.services.npcs import MARKET, entity, goal, request, requests

WOLF = entity("wolf", kind=pb.ENTITY_KIND_CREATURE, distance=4.0, disposition=-1.0, threat=0.9)
ADA = entity("ada", distance=3.0, disposition=0.5)
MILL = common_pb2.Location(
    world_id="overworld", zone_id="market", position=common_pb2.Position(x=140, y=0, z=0)
)


def actions(asked: pb.PlanBehaviorRequest) -> list[tuple[str, str]]:
    """What is planned, and for whom."""
    return [
        (pb.ActionKind.Name(action.kind).removeprefix("ACTION_KIND_"), action.target_id)
        for action in plan_actions(asked)
    ]


@given(requests())
def test_a_plan_keeps_every_rule_of_its_schema(asked: pb.PlanBehaviorRequest) -> None:
    protovalidate.validate(asked)
    try:
        planned = plan_actions(asked)
    except StatusError as error:
        event(error.code.name)
        assume(error.code is not Code.FAILED_PRECONDITION)
        raise

    protovalidate.validate(pb.BehaviorPlan(plan_id="p", npc_id=asked.npc_id, actions=planned))
    assert planned == plan_actions(asked)
    assert len({action.action_id for action in planned}) == len(planned)
    assert len(planned) <= (asked.max_actions if asked.HasField("max_actions") else 8)
    horizon = asked.horizon.ToNanoseconds() if asked.HasField("horizon") else 600 * 10**9
    assert sum(action.duration.ToNanoseconds() for action in planned) <= horizon
    assert {action.goal_id for action in planned} <= {"", *(g.goal_id for g in asked.goals)}


@given(requests())
def test_the_dead_do_nothing(asked: pb.PlanBehaviorRequest) -> None:
    asked.situation.health = 0
    with pytest.raises(StatusError) as raised:
        plan_actions(asked)
    assert raised.value.code is Code.FAILED_PRECONDITION


def test_without_goals_an_npc_wants_to_survive() -> None:
    assert actions(request()) == [("WAIT", "")]

    planned = plan_actions(request(entities=(WOLF,)))
    assert [action.kind for action in planned][:2] == [pb.ACTION_KIND_FLEE, pb.ACTION_KIND_HIDE]
    assert planned[0].target_id == "wolf"
    assert planned[0].priority == common_pb2.PRIORITY_CRITICAL
    assert planned[0].goal_id == ""


def test_danger_comes_before_business() -> None:
    trader = request(
        goal(pb.GOAL_KIND_TRADE, weight=1.0),
        goal(pb.GOAL_KIND_SURVIVE, weight=0.8),
        entities=(ADA, WOLF),
    )
    assert actions(trader)[0] == ("FLEE", "wolf")

    del trader.situation.entities[1]
    assert actions(trader)[:2] == [("SPEAK", "ada"), ("TRADE", "ada")]


def test_the_weak_do_not_fight() -> None:
    strong = actions(request(goal(pb.GOAL_KIND_SURVIVE), entities=(WOLF,)))
    weak = actions(request(goal(pb.GOAL_KIND_SURVIVE), entities=(WOLF,), health=0.2))

    assert ("ATTACK", "wolf") in strong
    assert ("ATTACK", "wolf") not in weak


def test_the_weight_of_goals_decides() -> None:
    def first(social: float, trade: float) -> str:
        asked = request(
            goal(pb.GOAL_KIND_SOCIALIZE, weight=social),
            goal(pb.GOAL_KIND_TRADE, weight=trade),
            entities=(ADA,),
        )
        return plan_actions(asked)[0].goal_id

    assert first(1.0, 0.2) == "socialize"
    assert first(0.2, 1.0) == "trade"


def test_an_alarm_makes_a_threat_worse() -> None:
    far = entity("bandit", distance=40.0, threat=0.7)
    calm = request(entities=(far,))
    assert actions(calm) == [("WAIT", "")]

    calm.world.world_id = "overworld"
    calm.world.facts.update({"alarm": True})
    assert actions(calm)[0] == ("FLEE", "bandit")


def test_a_guard_goes_to_its_post_and_warns_who_threatens_it() -> None:
    guard = request(goal(pb.GOAL_KIND_GUARD, location=MILL))
    planned = plan_actions(guard)
    assert [action.kind for action in planned] == [pb.ACTION_KIND_MOVE, pb.ACTION_KIND_WAIT]
    assert planned[0].location == MILL
    assert planned[0].duration == Duration(seconds=100)

    guard.situation.entities.append(WOLF)
    assert actions(guard)[:2] == [("SPEAK", "wolf"), ("ATTACK", "wolf")]
    assert plan_actions(guard)[0].utterance == speech.WARNING


def test_a_patrol_goes_round() -> None:
    corners = [
        action.location.position
        for action in plan_actions(request(goal(pb.GOAL_KIND_PATROL)))
        if action.kind == pb.ACTION_KIND_MOVE
    ]
    assert [(corner.x, corner.y) for corner in corners] == [(25, 0), (0, 25), (-25, 0), (0, -25)]


def test_who_is_protected_is_defended_from_who_threatens() -> None:
    protector = request(goal(pb.GOAL_KIND_PROTECT, "ada"), entities=(ADA, WOLF))
    assert actions(protector)[0] == ("DEFEND", "ada")

    del protector.situation.entities[1]
    assert actions(protector)[0] == ("FOLLOW", "ada")


@pytest.mark.parametrize("kind", [pb.GOAL_KIND_PROTECT, pb.GOAL_KIND_FOLLOW, pb.GOAL_KIND_ATTACK])
def test_who_is_not_there_is_looked_for_where_it_may_be(kind: pb.GoalKind.ValueType) -> None:
    assert actions(request(goal(kind, "ada", location=MILL))) == [("MOVE", "")]

    with pytest.raises(StatusError, match="nothing that npc-1 could do") as raised:
        plan_actions(request(goal(kind, "ada")))
    assert raised.value.code is Code.FAILED_PRECONDITION


def test_nobody_to_speak_with_is_no_plan() -> None:
    with pytest.raises(StatusError) as raised:
        plan_actions(request(goal(pb.GOAL_KIND_SOCIALIZE, "bob"), entities=(ADA,)))
    assert raised.value.code is Code.FAILED_PRECONDITION


def test_the_giver_of_a_quest_offers_it() -> None:
    giver = request(goal(pb.GOAL_KIND_QUEST, "quest-1", location=MILL))
    giver.world.facts.update(
        {"quest_role": "giver", "quest_player": "ada", "quest_title": "Teeth in the Dark"}
    )
    assert actions(giver) == [
        ("MOVE", ""),
        ("SPEAK", "ada"),
        ("OFFER_QUEST", "ada"),
        ("WAIT", ""),
    ]
    assert plan_actions(giver)[1].utterance == "I need somebody for this: Teeth in the Dark."


def test_a_goal_that_is_not_wanted_for_long_gets_no_more_time() -> None:
    asked = request(goal(pb.GOAL_KIND_GUARD, location=MARKET))
    asked.goals[0].within.FromSeconds(7)
    assert [action.duration.ToSeconds() for action in plan_actions(asked)] == [7]


def test_horizon_and_number_of_actions_bound_a_plan() -> None:
    asked = request(goal(pb.GOAL_KIND_PATROL), entities=(ADA,))
    asked.max_actions = 3
    assert len(plan_actions(asked)) == 3

    asked.horizon.FromSeconds(20)
    durations = [action.duration.ToMilliseconds() for action in plan_actions(asked)]
    assert durations == [17857, 2142]


def test_nothing_is_done_twice() -> None:
    same = goal(pb.GOAL_KIND_TRADE)
    assert actions(request(same, same, entities=(ADA,))) == [("SPEAK", "ada"), ("TRADE", "ada")]
