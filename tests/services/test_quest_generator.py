"""Generating quests: what follows from a request and a seed."""

from __future__ import annotations

import protovalidate
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2
from protonats import Code, StatusError
from services.quest.dice import Dice
from services.quest.generator import DEFAULT_WORLD, generate, quest_id
from services.quest.stories import STORIES
from tests.services.quests import AT, requests, seeds

_KINDS_WITHOUT_TARGET = {quest_pb2.OBJECTIVE_KIND_REACH}


@given(requests(), seeds)
def test_a_quest_keeps_every_rule_of_its_schema(
    request: quest_pb2.GenerateQuestRequest, seed: int
) -> None:
    protovalidate.validate(request)
    protovalidate.validate(generate(request, seed=seed, created_at=AT))


@given(requests(), seeds)
def test_the_same_request_makes_the_same_quest(
    request: quest_pb2.GenerateQuestRequest, seed: int
) -> None:
    first = generate(request, seed=seed, created_at=AT)
    later = generate(request, seed=seed, created_at=Timestamp(seconds=AT.seconds + 5))

    later.created_at.CopyFrom(AT)
    assert later == first


@given(requests(), seeds)
def test_a_party_gets_the_same_quest_under_an_id_for_each(
    request: quest_pb2.GenerateQuestRequest, seed: int
) -> None:
    request.player_id = "ada"
    one = generate(request, seed=seed, created_at=AT)
    request.player_id = "bob"
    other = generate(request, seed=seed, created_at=AT)

    assert one.quest_id != other.quest_id
    other.quest_id, other.player_id = one.quest_id, one.player_id
    assert one == other


@given(requests(), seeds)
def test_a_quest_is_what_was_asked_for(request: quest_pb2.GenerateQuestRequest, seed: int) -> None:
    quest = generate(request, seed=seed, created_at=AT)

    assert (quest.player_id, quest.seed) == (request.player_id, seed)
    assert (quest.difficulty, quest.level) == (request.difficulty, request.level)
    assert request.theme in (quest_pb2.QUEST_THEME_UNSPECIFIED, quest.theme)
    assert list(quest.tags)[: len(request.tags)] == list(request.tags)
    assert quest.giver_npc_id == request.giver_npc_id
    if request.HasField("location"):
        assert quest.location == request.location
    assert quest.status == quest_pb2.QUEST_STATUS_ACTIVE
    assert not quest.HasField("completed_at")


@given(requests(), seeds)
def test_objectives_can_be_done_in_their_order(
    request: quest_pb2.GenerateQuestRequest, seed: int
) -> None:
    quest = generate(request, seed=seed, created_at=AT)

    done: set[str] = set()
    for objective in quest.objectives:
        assert set(objective.requires) <= done
        done.add(objective.objective_id)
        assert (not objective.target_id) == (objective.kind in _KINDS_WITHOUT_TARGET)
    assert len(done) == len(quest.objectives)
    assert not quest.objectives[0].optional


@given(requests(), seeds, seeds)
def test_another_seed_makes_another_quest(
    request: quest_pb2.GenerateQuestRequest, seed: int, other: int
) -> None:
    assert (quest_id(request, seed) == quest_id(request, other)) == (seed == other)


def test_a_quest_for_a_seed_never_changes() -> None:
    request = quest_pb2.GenerateQuestRequest(
        player_id="ada", difficulty=common_pb2.DIFFICULTY_HARD, level=12, tags=["undead"]
    )

    quest = generate(request, seed=7, created_at=AT)

    assert quest.quest_id == "quest-1a4e29b88f9deb6697e035b6810603a4"
    assert quest.title == "The Silence of Mother Vael"
    assert [objective.description for objective in quest.objectives] == [
        "Ask Sexton Orrin what is missing.",
        "Find 8 bundles of grave moss at the Bone Terraces.",
        "Confront Mother Vael with what you found.",
        "Defeat 8 grave wisps that guard the secret.",
    ]


def test_seeds_reach_every_story() -> None:
    request = quest_pb2.GenerateQuestRequest(
        player_id="ada", difficulty=common_pb2.DIFFICULTY_EXTREME, level=50
    )

    firsts = {
        generate(request, seed=seed, created_at=AT).objectives[0].objective_id
        for seed in range(200)
    }

    assert firsts == {story.steps[0].key for story in STORIES}


@pytest.mark.parametrize("theme", [value for value in quest_pb2.QuestTheme.values() if value])
def test_every_theme_has_a_story(theme: quest_pb2.QuestTheme.ValueType) -> None:
    request = quest_pb2.GenerateQuestRequest(
        player_id="ada", difficulty=common_pb2.DIFFICULTY_TRIVIAL, level=1, theme=theme
    )
    assert generate(request, seed=1, created_at=AT).theme == theme


def test_a_story_needs_no_optional_step() -> None:
    for story in STORIES:
        steps = {step.key: step for step in story.steps}
        assert len(steps) == len(story.steps)
        assert story.steps[0].from_difficulty == common_pb2.DIFFICULTY_TRIVIAL
        for step in story.steps:
            assert step.optional or not any(steps[key].optional for key in step.after)


def test_tags_decide_whom_a_quest_is_about() -> None:
    request = quest_pb2.GenerateQuestRequest(
        player_id="ada",
        difficulty=common_pb2.DIFFICULTY_NORMAL,
        level=5,
        theme=quest_pb2.QUEST_THEME_COMBAT,
        tags=["swamp"],
    )
    for seed in range(20):
        quest = generate(request, seed=seed, created_at=AT)
        enemies = [
            objective.target_id
            for objective in quest.objectives
            if objective.kind == quest_pb2.OBJECTIVE_KIND_DEFEAT
        ]
        assert enemies == ["marsh_crawler"]
        assert quest.location.world_id == DEFAULT_WORLD


def test_harder_and_higher_quests_pay_more() -> None:
    def experience(difficulty: common_pb2.Difficulty.ValueType, level: int) -> int:
        request = quest_pb2.GenerateQuestRequest(
            player_id="ada", difficulty=difficulty, level=level
        )
        return generate(request, seed=3, created_at=AT).rewards[0].experience

    by_difficulty = [experience(value, 30) for value in common_pb2.Difficulty.values() if value]
    by_level = [experience(common_pb2.DIFFICULTY_NORMAL, level) for level in (1, 10, 1000)]

    assert by_difficulty == sorted(set(by_difficulty))
    assert by_level == sorted(set(by_level))


@pytest.mark.parametrize(
    ("difficulty", "lowest"),
    [(common_pb2.DIFFICULTY_HARD, 5), (common_pb2.DIFFICULTY_EXTREME, 20)],
)
def test_a_hard_quest_needs_a_level(
    difficulty: common_pb2.Difficulty.ValueType, lowest: int
) -> None:
    request = quest_pb2.GenerateQuestRequest(
        player_id="ada", difficulty=difficulty, level=lowest - 1
    )
    with pytest.raises(StatusError, match=f"begin at level {lowest}") as raised:
        generate(request, seed=1, created_at=AT)
    assert raised.value.code is Code.FAILED_PRECONDITION

    request.level = lowest
    assert generate(request, seed=1, created_at=AT).objectives


@given(seeds, st.integers(min_value=1, max_value=1000))
def test_dice_stay_in_their_range_and_repeat(seed: int, bound: int) -> None:
    first, second = Dice(seed), Dice(seed)
    throws = [first.below(bound) for _ in range(20)]
    assert throws == [second.below(bound) for _ in range(20)]
    assert all(0 <= throw < bound for throw in throws)
