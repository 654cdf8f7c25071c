"""What a story is: a quest in outline, told in steps."""

from __future__ import annotations

from dataclasses import dataclass

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing to do in a story.

    Its text may hold the roles of the cast, `{enemies}`, `{items}` and `{goods}` with their number.
    """

    key: str
    """Names it within its story; the objective's id."""

    kind: quest_pb2.ObjectiveKind.ValueType
    """What the player does."""

    text: str
    """The task, one sentence."""

    target: str = ""
    """The role that it is about: `enemy`, `item`, `goods`, `contact` or `client`."""

    counted: bool = False
    """Whether it is done to many."""

    from_difficulty: common_pb2.Difficulty.ValueType = common_pb2.DIFFICULTY_TRIVIAL
    """The lowest difficulty at which it is part of the story."""

    optional: bool = False
    """Whether the quest can be completed without it."""

    after: tuple[str, ...] = ()
    """Keys of the steps, told before it, that have to be done first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A quest in outline. Its texts may hold the roles of the cast."""

    theme: quest_pb2.QuestTheme.ValueType
    """What it is about."""

    title: str
    """The headline."""

    premise: str
    """What happened before, in a sentence or two."""

    steps: tuple[Step, ...]
    """What is to be done. The first is part of it at every difficulty, and none that is optional
    has to be done for one that is not."""

    tags: tuple[str, ...]
    """Labels of the quests that are made of it."""
