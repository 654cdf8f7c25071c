"""How a quest comes to its end, and the events that tell of it."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2


@dataclass(frozen=True, slots=True)
class Progress:
    """A quest after an objective was done."""

    quest: quest_pb2.Quest
    """The quest as it is now."""

    changed: bool
    """Whether anything is new: False for an objective that had been done before."""

    completed: bool
    """Whether this objective was the last one that the quest needed."""


def complete(
    quest: quest_pb2.Quest, request: quest_pb2.CompleteObjectiveRequest, *, now: Timestamp
) -> Progress:
    """Marks an objective as done, in a copy of the quest.

    Raises:
        StatusError: NOT_FOUND for another player's quest and for an unknown objective;
            FAILED_PRECONDITION with OBJECTIVE_LOCKED where another one has to be done first.
    """
    if quest.player_id != request.player_id:
        raise no_such_quest(request)
    updated = quest_pb2.Quest()
    updated.CopyFrom(quest)
    objectives = {objective.objective_id: objective for objective in updated.objectives}
    objective = objectives.get(request.objective_id)
    if objective is None:
        raise protonats.StatusError(
            protonats.Code.NOT_FOUND,
            f"quest {quest.quest_id} has no objective {request.objective_id}; it has"
            f" {', '.join(objectives)}",
        )
    if objective.HasField("completed_at"):
        return Progress(updated, changed=False, completed=False)
    missing = [key for key in objective.requires if not objectives[key].HasField("completed_at")]
    if missing:
        raise _locked(objective.objective_id, missing)
    objective.completed_at.CopyFrom(now)
    completed = updated.status == quest_pb2.QUEST_STATUS_ACTIVE and all(
        other.optional or other.HasField("completed_at") for other in updated.objectives
    )
    if completed:
        updated.status = quest_pb2.QUEST_STATUS_COMPLETED
        updated.completed_at.CopyFrom(now)
    return Progress(updated, changed=True, completed=completed)


def no_such_quest(request: quest_pb2.CompleteObjectiveRequest) -> protonats.StatusError:
    """The error for a quest that the player does not have: nobody learns whether others have it."""
    return protonats.StatusError(
        protonats.Code.NOT_FOUND, f"player {request.player_id} has no quest {request.quest_id}"
    )


def generated_event(quest: quest_pb2.Quest) -> quest_pb2.QuestGenerated:
    """The event of a new quest: the same one, whatever has been done since."""
    event = quest_pb2.QuestGenerated(
        quest_id=quest.quest_id,
        player_id=quest.player_id,
        title=quest.title,
        difficulty=quest.difficulty,
        level=quest.level,
        theme=quest.theme,
        tags=quest.tags,
        location=quest.location if quest.HasField("location") else None,
        giver_npc_id=quest.giver_npc_id,
        objectives=quest.objectives,
        seed=quest.seed,
        occurred_at=quest.created_at,
    )
    for objective in event.objectives:
        objective.ClearField("completed_at")
    return event


def completed_event(quest: quest_pb2.Quest) -> quest_pb2.QuestCompleted:
    """The event of a completed quest."""
    return quest_pb2.QuestCompleted(
        quest_id=quest.quest_id,
        player_id=quest.player_id,
        difficulty=quest.difficulty,
        level=quest.level,
        tags=quest.tags,
        location=quest.location if quest.HasField("location") else None,
        giver_npc_id=quest.giver_npc_id,
        objectives=quest.objectives,
        rewards=quest.rewards,
        generated_at=quest.created_at,
        occurred_at=quest.completed_at,
    )


def _locked(objective_id: str, missing: list[str]) -> protonats.StatusError:
    ids = ",".join(missing)
    detail = common_pb2.ErrorInfo(
        reason=common_pb2.ERROR_REASON_OBJECTIVE_LOCKED,
        domain="quest",
        metadata={"missing": ids},
    )
    return protonats.StatusError(
        protonats.Code.FAILED_PRECONDITION,
        f"objective {objective_id} comes after {ids}",
        details=[detail],
    )
