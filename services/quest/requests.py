"""What a request has to be before anything is done with it."""

from __future__ import annotations

import re
from typing import Final

import protonats
from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TAG: Final = re.compile(r"[a-z0-9_-]{1,32}")
_ID_RULE: Final = "1 to 64 letters, digits, '_' and '-'"
_TAG_RULE: Final = "1 to 32 small letters, digits, '_' and '-'"
_MOST_TAGS: Final = 16
_HIGHEST_LEVEL: Final = 1000


def check_generate(request: quest_pb2.GenerateQuestRequest) -> None:
    """Refuses a request that breaks a rule.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the field and what to write.
    """
    _check_id("player_id", request.player_id)
    if request.difficulty not in common_pb2.Difficulty.values() or not request.difficulty:
        raise _invalid("difficulty", request.difficulty, "one of the Difficulty values")
    if not 1 <= request.level <= _HIGHEST_LEVEL:
        raise _invalid("level", request.level, f"1 to {_HIGHEST_LEVEL}")
    if request.theme not in quest_pb2.QuestTheme.values():
        raise _invalid("theme", request.theme, "one of the QuestTheme values")
    if len(request.tags) > _MOST_TAGS or len(set(request.tags)) < len(request.tags):
        raise _invalid("tags", list(request.tags), f"up to {_MOST_TAGS} different tags")
    for tag in request.tags:
        if not _TAG.fullmatch(tag):
            raise _invalid("tags", tag, _TAG_RULE)
    if request.HasField("location"):
        _check_id("location.world_id", request.location.world_id)
        if request.location.zone_id:
            _check_id("location.zone_id", request.location.zone_id)
    if request.giver_npc_id:
        _check_id("giver_npc_id", request.giver_npc_id)


def check_complete(request: quest_pb2.CompleteObjectiveRequest) -> None:
    """Refuses a request that breaks a rule.

    Raises:
        StatusError: INVALID_ARGUMENT; the text names the field and what to write.
    """
    _check_id("quest_id", request.quest_id)
    _check_id("objective_id", request.objective_id)
    _check_id("player_id", request.player_id)


def _check_id(field: str, value: str) -> None:
    if not _ID.fullmatch(value):
        raise _invalid(field, value, _ID_RULE)


def _invalid(field: str, value: object, rule: str) -> protonats.StatusError:
    return protonats.StatusError(
        protonats.Code.INVALID_ARGUMENT, f"{field} is {value!r}: write {rule}"
    )
