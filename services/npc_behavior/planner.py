"""Makes a plan: scores what the goals call for, and puts the best of it in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2
from services.npc_behavior.options import Option, Step, options
from services.npc_behavior.situation import Assessment, assess

_HORIZON: Final = 600.0
_MOST_ACTIONS: Final = 8
_SHORTEST: Final = 1e-6  # seconds
_URGENT: Final = 0.7
_PRESSING: Final = 0.4
_SURVIVE: Final = npc_behavior_pb2.Goal(kind=npc_behavior_pb2.GOAL_KIND_SURVIVE, weight=1.0)
_IDLE: Final = frozenset({npc_behavior_pb2.ACTION_KIND_WAIT})


@dataclass(frozen=True, slots=True)
class _Choice:
    """An option beside those of all other goals."""

    score: float
    goal: npc_behavior_pb2.Goal
    option: Option


def plan_actions(
    request: npc_behavior_pb2.PlanBehaviorRequest,
) -> list[npc_behavior_pb2.NpcAction]:
    """The actions that serve the goals best, in order; the same for the same request.

    An option counts with its fitness and the weight of its goal. In danger, what answers the danger
    counts more and everything else less. The plan takes options in the order of their scores until
    the horizon or the number of actions is reached.

    Raises:
        StatusError: FAILED_PRECONDITION, no action serves any of the goals.
    """
    scene = assess(request.situation, request.world)
    choices = _choices(request.goals or [_SURVIVE], scene)
    horizon = _seconds(request) if request.HasField("horizon") else _HORIZON
    most = request.max_actions if request.HasField("max_actions") else _MOST_ACTIONS
    actions: list[npc_behavior_pb2.NpcAction] = []
    done: list[Step] = []
    elapsed = 0.0
    for choice in choices:
        end = horizon
        if choice.goal.HasField("within"):
            within = choice.goal.within
            end = min(end, within.seconds + within.nanos / 1e9)
        for step in choice.option.steps:
            seconds = min(step.seconds, end - elapsed)
            if len(actions) == most or seconds < _SHORTEST:
                break
            if step in done:
                continue
            actions.append(_action(len(actions) + 1, step, seconds, choice, scene))
            done.append(step)
            elapsed += seconds
    if not actions:
        raise protonats.StatusError(
            protonats.Code.FAILED_PRECONDITION,
            f"nothing that {request.npc_id} could do in this situation serves any of its goals",
        )
    return actions


def _choices(goals: Iterable[npc_behavior_pb2.Goal], scene: Assessment) -> list[_Choice]:
    choices = [
        _Choice(_score(option, goal, scene), goal, option)
        for goal in goals
        for option in options(goal, scene)
    ]
    # The sort is stable: of equal options, that of the goal which was named first comes first.
    return sorted(choices, key=lambda choice: -choice.score)


def _score(option: Option, goal: npc_behavior_pb2.Goal, scene: Assessment) -> float:
    urgency = 1 + scene.danger if option.defensive else 1 - scene.danger / 2
    return option.fitness * goal.weight * urgency


def _action(
    number: int, step: Step, seconds: float, choice: _Choice, scene: Assessment
) -> npc_behavior_pb2.NpcAction:
    action = npc_behavior_pb2.NpcAction(
        action_id=f"action-{number}",
        kind=step.kind,
        target_id=step.target_id,
        location=step.location,
        utterance=step.utterance,
        priority=_priority(step, choice.option, scene),
        goal_id=choice.goal.goal_id,
        confidence=max(0.0, min(1.0, choice.option.fitness)),
    )
    action.duration.FromMicroseconds(int(seconds * 1e6))
    return action


def _priority(step: Step, option: Option, scene: Assessment) -> common_pb2.Priority.ValueType:
    if option.defensive and scene.danger >= _URGENT:
        return common_pb2.PRIORITY_CRITICAL
    if option.defensive and scene.danger >= _PRESSING:
        return common_pb2.PRIORITY_HIGH
    return common_pb2.PRIORITY_LOW if step.kind in _IDLE else common_pb2.PRIORITY_NORMAL


def _seconds(request: npc_behavior_pb2.PlanBehaviorRequest) -> float:
    return request.horizon.seconds + request.horizon.nanos / 1e9
