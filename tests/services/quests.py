"""Quests and requests for tests."""

from __future__ import annotations

from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2

AT: Final = Timestamp(seconds=1_700_000_000)

ids: Final = st.text(
    alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
    min_size=1,
    max_size=64,
)
seeds: Final = st.integers(min_value=0, max_value=2**64 - 1)
_tags: Final = st.sampled_from(["undead", "city", "night", "swamp", "x", "no-such-tag", "ruins"])
_axis: Final = st.floats(min_value=-100_000, max_value=100_000)


@st.composite
def locations(draw: st.DrawFn) -> common_pb2.Location:
    """Places of any precision."""
    location = common_pb2.Location(world_id=draw(ids), zone_id=draw(ids | st.just("")))
    if draw(st.booleans()):
        location.position.CopyFrom(common_pb2.Position(x=draw(_axis), y=draw(_axis), z=draw(_axis)))
    return location


@st.composite
def requests(draw: st.DrawFn) -> quest_pb2.GenerateQuestRequest:
    """Valid requests, of a level that suits every difficulty."""
    return quest_pb2.GenerateQuestRequest(
        player_id=draw(ids),
        difficulty=draw(st.sampled_from(common_pb2.Difficulty.values()[1:])),
        level=draw(st.integers(min_value=20, max_value=1000)),
        theme=draw(st.sampled_from(quest_pb2.QuestTheme.values())),
        tags=draw(st.lists(_tags, unique=True)),
        location=draw(st.none() | locations()),
        giver_npc_id=draw(ids | st.just("")),
    )
