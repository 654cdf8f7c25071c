"""Makes a quest out of a request and a seed, without clock, network or any chance of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2
from services.quest.dice import Dice
from services.quest.rewards import rewards
from services.quest.stories import STORIES
from services.quest.story import Step, Story
from services.quest.words import ENEMIES, GOODS, ITEMS, PEOPLE, PLACES, Word

DEFAULT_WORLD: Final = "overworld"
"""The world of a quest whose request names no place."""

_LOWEST_LEVEL: Final = {common_pb2.DIFFICULTY_HARD: 5, common_pb2.DIFFICULTY_EXTREME: 20}
_COUNT: Final = {
    common_pb2.DIFFICULTY_TRIVIAL: 1,
    common_pb2.DIFFICULTY_EASY: 3,
    common_pb2.DIFFICULTY_NORMAL: 5,
    common_pb2.DIFFICULTY_HARD: 8,
    common_pb2.DIFFICULTY_EXTREME: 12,
}


@dataclass(frozen=True, slots=True)
class _Cast:
    """Whom and what one quest is about."""

    client: Word
    contact: Word
    enemy: Word
    item: Word
    goods: Word
    place: Word

    def tell(self, text: str, count: int = 1) -> str:
        told = text.format(
            client=self.client.one,
            contact=self.contact.one,
            place=self.place.one,
            enemies=self.enemy.counted(count),
            items=self.item.counted(count),
            goods=self.goods.counted(count),
        )
        return told[0].upper() + told[1:]

    def target_id(self, role: str) -> str:
        roles = {
            "": "",
            "client": self.client.id,
            "contact": self.contact.id,
            "enemy": self.enemy.id,
            "item": self.item.id,
            "goods": self.goods.id,
        }
        return roles[role]


def quest_id(request: quest_pb2.GenerateQuestRequest, seed: int) -> str:
    """The id of the quest that a request makes with a seed: equal requests have equal ids."""
    location = request.location
    facts = [
        request.player_id,
        seed,
        request.difficulty,
        request.level,
        request.theme,
        list(request.tags),
        request.giver_npc_id,
        [location.world_id, location.zone_id] if request.HasField("location") else None,
        _point(location),
    ]
    return f"quest-{blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()}"


def generate(
    request: quest_pb2.GenerateQuestRequest, *, seed: int, created_at: Timestamp
) -> quest_pb2.Quest:
    """The quest that a request makes with a seed, active and without progress.

    Story, cast, numbers and rewards follow from the seed and from what is asked for. The player has
    no part in them, so the same seed gives a whole party the same quest, under an id for each.

    Raises:
        StatusError: FAILED_PRECONDITION, the level is too low for the difficulty.
    """
    lowest = _LOWEST_LEVEL.get(request.difficulty, 1)
    if request.level < lowest:
        name = common_pb2.Difficulty.Name(request.difficulty).removeprefix("DIFFICULTY_")
        raise protonats.StatusError(
            protonats.Code.FAILED_PRECONDITION,
            f"no {name} quest fits level {request.level}: they begin at level {lowest}",
        )
    dice = Dice(seed)
    wanted = frozenset(request.tags)
    story = _choose_story(request, dice)
    cast = _choose_cast(request, wanted, dice)
    quest = quest_pb2.Quest(
        quest_id=quest_id(request, seed),
        player_id=request.player_id,
        seed=seed,
        title=cast.tell(story.title),
        description=cast.tell(story.premise),
        difficulty=request.difficulty,
        level=request.level,
        theme=story.theme,
        tags=_tags(request, story, cast),
        location=_location(request, cast),
        giver_npc_id=request.giver_npc_id,
        objectives=_objectives(story.steps, request.difficulty, cast, dice),
        status=quest_pb2.QUEST_STATUS_ACTIVE,
        created_at=created_at,
    )
    quest.rewards.extend(rewards(story.theme, request.difficulty, request.level, cast.item, dice))
    return quest


def _choose_story(request: quest_pb2.GenerateQuestRequest, dice: Dice) -> Story:
    theme = request.theme
    if theme == quest_pb2.QUEST_THEME_UNSPECIFIED:
        theme = dice.pick(sorted({story.theme for story in STORIES}))
    return dice.pick([story for story in STORIES if story.theme == theme])


def _choose_cast(
    request: quest_pb2.GenerateQuestRequest, wanted: frozenset[str], dice: Dice
) -> _Cast:
    client = _suiting(PEOPLE, wanted, dice)
    if request.giver_npc_id:
        client = _giver(request.giver_npc_id)
    contact = _suiting([word for word in PEOPLE if word.id != client.id], wanted, dice)
    place = _suiting(PLACES, wanted, dice)
    if request.HasField("location"):
        place = _given_place(request.location)
    # What lives at a place, and lies about there, is what suits it, unless something is asked for.
    local = wanted or place.tags
    return _Cast(
        client=client,
        contact=contact,
        place=place,
        enemy=_suiting(ENEMIES, local, dice),
        item=_suiting(ITEMS, local, dice),
        goods=_suiting(GOODS, local, dice),
    )


def _suiting(words: Sequence[Word], tags: frozenset[str], dice: Dice) -> Word:
    """One of the words with most of the tags."""
    most = max(len(word.tags & tags) for word in words)
    return dice.pick([word for word in words if len(word.tags & tags) == most])


def _giver(npc_id: str) -> Word:
    known = next((word for word in PEOPLE if word.id == npc_id), None)
    return known or Word(npc_id, _readable(npc_id).removeprefix("npc ").title() or npc_id)


def _given_place(location: common_pb2.Location) -> Word:
    known = next((word for word in PLACES if word.id == location.zone_id), None)
    name = _readable(location.zone_id) or f"the wilds of {_readable(location.world_id)}"
    return known or Word(location.zone_id, name)


def _readable(id: str) -> str:
    return id.replace("_", " ").replace("-", " ").strip()


def _location(request: quest_pb2.GenerateQuestRequest, cast: _Cast) -> common_pb2.Location:
    if request.HasField("location"):
        return request.location
    return common_pb2.Location(world_id=DEFAULT_WORLD, zone_id=cast.place.id)


def _tags(request: quest_pb2.GenerateQuestRequest, story: Story, cast: _Cast) -> Iterable[str]:
    theme = quest_pb2.QuestTheme.Name(story.theme).removeprefix("QUEST_THEME_").lower()
    return dict.fromkeys([*request.tags, theme, *story.tags, *sorted(cast.place.tags)])


def _objectives(
    steps: Sequence[Step],
    difficulty: common_pb2.Difficulty.ValueType,
    cast: _Cast,
    dice: Dice,
) -> Iterable[quest_pb2.Objective]:
    told = {step.key: step for step in steps}
    for step in steps:
        # Thrown for every step, so that a harder quest of the same seed is the same quest and more.
        extra = dice.below(1 + _COUNT[difficulty] // 2)
        if step.from_difficulty > difficulty:
            continue
        count = _COUNT[difficulty] + extra if step.counted else 1
        yield quest_pb2.Objective(
            objective_id=step.key,
            kind=step.kind,
            description=cast.tell(step.text, count),
            target_id=cast.target_id(step.target),
            count=count,
            optional=step.optional,
            requires=dict.fromkeys(_required(step, told, difficulty)),
        )


def _required(
    step: Step, told: Mapping[str, Step], difficulty: common_pb2.Difficulty.ValueType
) -> Iterable[str]:
    """The steps to do before this one; in place of one that is left out, those before that one."""
    for key in step.after:
        if told[key].from_difficulty <= difficulty:
            yield key
        else:
            yield from _required(told[key], told, difficulty)


def _point(location: common_pb2.Location) -> list[float] | None:
    if not location.HasField("position"):
        return None
    return [location.position.x, location.position.y, location.position.z]
