"""Completing objectives, as a calculation."""

from __future__ import annotations

import protovalidate
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from bodybroker.quest.v1 import quest_pb2
from protonats import Code, StatusError
from services.quest.generator import generate
from services.quest.progress import complete, completed_event, generated_event
from tests.services.platform import reason
from tests.services.quests import AT, requests, seeds


def quest(*objectives: quest_pb2.Objective) -> quest_pb2.Quest:
    return quest_pb2.Quest(
        quest_id="quest-1",
        player_id="ada",
        objectives=objectives,
        status=quest_pb2.QUEST_STATUS_ACTIVE,
    )


def objective(
    objective_id: str, *, requires: tuple[str, ...] = (), optional: bool = False
) -> quest_pb2.Objective:
    return quest_pb2.Objective(objective_id=objective_id, requires=requires, optional=optional)


def done(objective_id: str, player_id: str = "ada") -> quest_pb2.CompleteObjectiveRequest:
    return quest_pb2.CompleteObjectiveRequest(
        quest_id="quest-1", objective_id=objective_id, player_id=player_id
    )


def test_the_last_required_objective_completes_the_quest() -> None:
    first = complete(quest(objective("a"), objective("b")), done("b"), now=AT)
    assert first.changed
    assert not first.completed
    assert first.quest.status == quest_pb2.QUEST_STATUS_ACTIVE

    second = complete(first.quest, done("a"), now=AT)
    assert second.completed
    assert second.quest.status == quest_pb2.QUEST_STATUS_COMPLETED
    assert second.quest.completed_at == AT


def test_an_optional_objective_is_not_needed_and_can_be_done_later() -> None:
    completed = complete(quest(objective("a"), objective("b", optional=True)), done("a"), now=AT)
    assert completed.completed

    later = complete(completed.quest, done("b"), now=Timestamp(seconds=AT.seconds + 1))
    assert later.changed
    assert not later.completed
    assert later.quest.completed_at == AT


def test_a_repeated_completion_changes_nothing() -> None:
    first = complete(quest(objective("a"), objective("b")), done("a"), now=AT)
    again = complete(first.quest, done("a"), now=Timestamp(seconds=AT.seconds + 9))

    assert not again.changed
    assert not again.completed
    assert again.quest == first.quest


def test_a_locked_objective_names_what_has_to_be_done_first() -> None:
    locked = quest(objective("a"), objective("b"), objective("c", requires=("a", "b")))
    with pytest.raises(StatusError, match="objective c comes after a,b") as raised:
        complete(locked, done("c"), now=AT)
    assert raised.value.code is Code.FAILED_PRECONDITION
    assert reason(raised.value) == ("ERROR_REASON_OBJECTIVE_LOCKED", {"missing": "a,b"})

    half = complete(locked, done("a"), now=AT).quest
    with pytest.raises(StatusError, match="objective c comes after b"):
        complete(half, done("c"), now=AT)


def test_an_unknown_objective_is_not_found() -> None:
    with pytest.raises(StatusError, match="has no objective x; it has a, b") as raised:
        complete(quest(objective("a"), objective("b")), done("x"), now=AT)
    assert raised.value.code is Code.NOT_FOUND


def test_the_quest_of_another_player_is_not_found() -> None:
    with pytest.raises(StatusError, match="player bob has no quest quest-1") as raised:
        complete(quest(objective("a")), done("a", player_id="bob"), now=AT)
    assert raised.value.code is Code.NOT_FOUND


@given(requests(), seeds, st.data())
def test_in_whatever_order_objectives_are_done_the_quest_is_completed_once(
    request: quest_pb2.GenerateQuestRequest, seed: int, data: st.DataObject
) -> None:
    current = generate(request, seed=seed, created_at=AT)
    generated = generated_event(current)
    protovalidate.validate(generated)
    open_ids = [objective.objective_id for objective in current.objectives]
    completions = 0
    while open_ids:
        chosen = data.draw(st.sampled_from(open_ids))
        chosen_request = quest_pb2.CompleteObjectiveRequest(
            quest_id=current.quest_id, objective_id=chosen, player_id=current.player_id
        )
        requires = {o.objective_id: set(o.requires) for o in current.objectives}[chosen]
        if requires & set(open_ids):
            with pytest.raises(StatusError, match="comes after"):
                complete(current, chosen_request, now=AT)
            continue
        progress = complete(current, chosen_request, now=AT)
        open_ids.remove(chosen)
        completions += progress.completed
        current = progress.quest
        required = [o.objective_id for o in current.objectives if not o.optional]
        assert (current.status == quest_pb2.QUEST_STATUS_COMPLETED) == (
            not set(required) & set(open_ids)
        )
    assert completions == 1
    protovalidate.validate(completed_event(current))
    assert generated_event(current) == generated
