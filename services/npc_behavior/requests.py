"""What a request has to be before anything is planned for it."""

from __future__ import annotations

import re
from typing import Final

from google.protobuf.duration_pb2 import Duration

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID_RULE: Final = "1 to 64 letters, digits, '_' and '-'"
_MOST_GOALS: Final = 16
_MOST_ENTITIES: Final = 64
_MOST_ACTIONS: Final = 64
_FARTHEST: Final = 10_000
_DAY: Final = 86_400


def check_plan(request: npc_behavior_pb2.PlanBehaviorRequest) -> None:
    """Refuses a request that breaks a rule.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the field and what to write.
    """
    _check_id("npc_id", request.npc_id)
    _check_situation(request.situation)
    if request.HasField("world"):
        _check_id("world.world_id", request.world.world_id)
    if len(request.goals) > _MOST_GOALS:
        raise _invalid("goals", f"{len(request.goals)} goals", f"up to {_MOST_GOALS}")
    for goal in request.goals:
        _check_goal(goal)
    if request.HasField("horizon"):
        _check_duration("horizon", request.horizon)
    if request.HasField("max_actions"):
        _check_range("max_actions", request.max_actions, 1, _MOST_ACTIONS)


def _check_situation(situation: npc_behavior_pb2.Situation) -> None:
    _check_location("situation.location", situation.location)
    if situation.HasField("health"):
        _check_range("situation.health", situation.health, 0, 1)
    if len(situation.entities) > _MOST_ENTITIES:
        text = f"{len(situation.entities)} entities"
        raise _invalid("situation.entities", text, f"up to {_MOST_ENTITIES}")
    for entity in situation.entities:
        _check_id("situation.entities.entity_id", entity.entity_id)
        _check_range("situation.entities.distance", entity.distance, 0, _FARTHEST)
        _check_range("situation.entities.disposition", entity.disposition, -1, 1)
        _check_range("situation.entities.threat", entity.threat, 0, 1)


def _check_goal(goal: npc_behavior_pb2.Goal) -> None:
    _check_id("goals.goal_id", goal.goal_id)
    if not goal.kind or goal.kind not in npc_behavior_pb2.GoalKind.values():
        raise _invalid("goals.kind", goal.kind, "one of the GoalKind values")
    if goal.target_id:
        _check_id("goals.target_id", goal.target_id)
    if goal.HasField("location"):
        _check_location("goals.location", goal.location)
    if not 0 < goal.weight <= 1:
        raise _invalid("goals.weight", goal.weight, "a number above 0, up to 1")
    if goal.HasField("within"):
        _check_duration("goals.within", goal.within)


def _check_location(field: str, location: common_pb2.Location) -> None:
    _check_id(f"{field}.world_id", location.world_id)
    if location.zone_id:
        _check_id(f"{field}.zone_id", location.zone_id)


def _check_duration(field: str, duration: Duration) -> None:
    seconds = duration.seconds + duration.nanos / 1e9
    if not 0 < seconds <= _DAY:
        raise _invalid(field, f"{seconds:g} s", "more than nothing, up to a day")


def _check_range(field: str, value: float, lowest: int, highest: int) -> None:
    # What is not a number is in no range.
    if not lowest <= value <= highest:
        raise _invalid(field, value, f"{lowest} to {highest}")


def _check_id(field: str, value: str) -> None:
    if not _ID.fullmatch(value):
        raise _invalid(field, value, _ID_RULE)


def _invalid(field: str, value: object, rule: str) -> protonats.StatusError:
    return protonats.StatusError(
        protonats.Code.INVALID_ARGUMENT, f"{field} is {value!r}: write {rule}"
    )
