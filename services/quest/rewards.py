"""What a quest pays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2
from services.quest.dice import Dice
from services.quest.words import Word

# In percent of what a quest of normal difficulty pays.
_WORTH: Final = {
    common_pb2.DIFFICULTY_TRIVIAL: 20,
    common_pb2.DIFFICULTY_EASY: 60,
    common_pb2.DIFFICULTY_NORMAL: 100,
    common_pb2.DIFFICULTY_HARD: 180,
    common_pb2.DIFFICULTY_EXTREME: 400,
}
_MONEY_PER_LEVEL: Final = 25
_EXPERIENCE_PER_LEVEL: Final = 100
_MONEY: Final = "GOLD"
_HARVEST_MONEY: Final = "SOULS"


def rewards(
    theme: quest_pb2.QuestTheme.ValueType,
    difficulty: common_pb2.Difficulty.ValueType,
    level: int,
    item: Word,
    dice: Dice,
) -> Iterable[quest_pb2.Reward]:
    """Experience and money that grow with level and difficulty, and items for hard quests.

    Money varies by a tenth up and down with the seed; experience does not, so that nobody draws
    seeds to level up.
    """
    worth = _WORTH[difficulty]
    yield quest_pb2.Reward(experience=max(1, _EXPERIENCE_PER_LEVEL * level * worth // 100))
    tenths = 90 + dice.below(21)
    currency = _HARVEST_MONEY if theme == quest_pb2.QUEST_THEME_HARVEST else _MONEY
    amount = max(1, _MONEY_PER_LEVEL * level * worth * tenths // 10_000)
    yield quest_pb2.Reward(money=common_pb2.Money(currency=currency, amount=amount))
    if difficulty >= common_pb2.DIFFICULTY_HARD:
        quantity = 1 + dice.below(difficulty - common_pb2.DIFFICULTY_NORMAL)
        yield quest_pb2.Reward(item=quest_pb2.ItemReward(item_id=item.id, quantity=quantity))
