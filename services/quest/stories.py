"""What can happen in a quest: stories for each theme."""

from __future__ import annotations

from typing import Final

from bodybroker.common.v1 import common_pb2
from bodybroker.quest.v1 import quest_pb2
from services.quest.story import Step, Story

_EASY: Final = common_pb2.DIFFICULTY_EASY
_NORMAL: Final = common_pb2.DIFFICULTY_NORMAL
_HARD: Final = common_pb2.DIFFICULTY_HARD

STORIES: Final = (
    Story(
        theme=quest_pb2.QUEST_THEME_COMBAT,
        title="Teeth in the Dark",
        premise="Something hunts at {place}, and nobody goes there alone any more.",
        tags=("hunt",),
        steps=(
            Step(
                key="thin-them-out",
                kind=quest_pb2.OBJECTIVE_KIND_DEFEAT,
                text="Defeat {enemies} at {place}.",
                target="enemy",
                counted=True,
            ),
            Step(
                key="bring-proof",
                kind=quest_pb2.OBJECTIVE_KIND_COLLECT,
                text="Take {goods} from what you killed.",
                target="goods",
                counted=True,
                from_difficulty=_HARD,
                after=("thin-them-out",),
            ),
            Step(
                key="report",
                kind=quest_pb2.OBJECTIVE_KIND_TALK,
                text="Tell {client} that it is done.",
                target="client",
                from_difficulty=_EASY,
                after=("bring-proof",),
            ),
        ),
    ),
    Story(
        theme=quest_pb2.QUEST_THEME_COMBAT,
        title="A Debt of Blood at {place}",
        premise="{contact} owes {client} a life, and means to pay with somebody else's.",
        tags=("bounty",),
        steps=(
            Step(
                key="find-them",
                kind=quest_pb2.OBJECTIVE_KIND_REACH,
                text="Get to {place}.",
            ),
            Step(
                key="pay-the-debt",
                kind=quest_pb2.OBJECTIVE_KIND_DEFEAT,
                text="Defeat {enemies} in the service of {contact}.",
                target="enemy",
                counted=True,
                after=("find-them",),
            ),
            Step(
                key="offer-mercy",
                kind=quest_pb2.OBJECTIVE_KIND_TALK,
                text="Hear what {contact} has to say.",
                target="contact",
                from_difficulty=_NORMAL,
                optional=True,
                after=("find-them",),
            ),
        ),
    ),
    Story(
        theme=quest_pb2.QUEST_THEME_EXPLORATION,
        title="Where the Maps End",
        premise="{client} has half a map, and the other half is somewhere at {place}.",
        tags=("map",),
        steps=(
            Step(
                key="reach-the-edge",
                kind=quest_pb2.OBJECTIVE_KIND_REACH,
                text="Reach {place}.",
            ),
            Step(
                key="clear-the-way",
                kind=quest_pb2.OBJECTIVE_KIND_DEFEAT,
                text="Defeat {enemies} that bar the way.",
                target="enemy",
                counted=True,
                from_difficulty=_NORMAL,
                after=("reach-the-edge",),
            ),
            Step(
                key="find-the-half",
                kind=quest_pb2.OBJECTIVE_KIND_COLLECT,
                text="Find {items} where the map breaks off.",
                target="item",
                from_difficulty=_EASY,
                after=("clear-the-way",),
            ),
        ),
    ),
    Story(
        theme=quest_pb2.QUEST_THEME_INVESTIGATION,
        title="The Silence of {contact}",
        premise="{contact} was seen at {place} with things that belong to {client}.",
        tags=("mystery",),
        steps=(
            Step(
                key="ask-the-client",
                kind=quest_pb2.OBJECTIVE_KIND_TALK,
                text="Ask {client} what is missing.",
                target="client",
            ),
            Step(
                key="search",
                kind=quest_pb2.OBJECTIVE_KIND_COLLECT,
                text="Find {items} at {place}.",
                target="item",
                counted=True,
                after=("ask-the-client",),
            ),
            Step(
                key="confront",
                kind=quest_pb2.OBJECTIVE_KIND_TALK,
                text="Confront {contact} with what you found.",
                target="contact",
                from_difficulty=_EASY,
                after=("search",),
            ),
            Step(
                key="silence-the-helpers",
                kind=quest_pb2.OBJECTIVE_KIND_DEFEAT,
                text="Defeat {enemies} that guard the secret.",
                target="enemy",
                counted=True,
                from_difficulty=_HARD,
                after=("confront",),
            ),
        ),
    ),
    Story(
        theme=quest_pb2.QUEST_THEME_NEGOTIATION,
        title="Words Before Knives",
        premise="{client} and {contact} both lay claim to {place}, and both have hired blades.",
        tags=("truce",),
        steps=(
            Step(
                key="hear-one",
                kind=quest_pb2.OBJECTIVE_KIND_TALK,
                text="Hear the terms of {client}.",
                target="client",
            ),
            Step(
                key="hear-the-other",
                kind=quest_pb2.OBJECTIVE_KIND_TALK,
                text="Bring {contact} to accept them.",
                target="contact",
                after=("hear-one",),
            ),
            Step(
                key="sweeten",
                kind=quest_pb2.OBJECTIVE_KIND_DELIVER,
                text="Hand {items} to {contact} as a sign of good will.",
                target="contact",
                from_difficulty=_NORMAL,
                optional=True,
                after=("hear-one",),
            ),
        ),
    ),
    Story(
        theme=quest_pb2.QUEST_THEME_DELIVERY,
        title="Not to Be Opened",
        premise="{client} needs something brought to {contact}, and asks that nobody asks.",
        tags=("courier",),
        steps=(
            Step(
                key="fetch",
                kind=quest_pb2.OBJECTIVE_KIND_COLLECT,
                text="Fetch {items} at {place}.",
                target="item",
            ),
            Step(
                key="shake-them-off",
                kind=quest_pb2.OBJECTIVE_KIND_DEFEAT,
                text="Defeat {enemies} on your heels.",
                target="enemy",
                counted=True,
                from_difficulty=_HARD,
                after=("fetch",),
            ),
            Step(
                key="hand-over",
                kind=quest_pb2.OBJECTIVE_KIND_DELIVER,
                text="Hand what you carry to {contact}.",
                target="contact",
                after=("fetch", "shake-them-off"),
            ),
        ),
    ),
    Story(
        theme=quest_pb2.QUEST_THEME_HARVEST,
        title="Fresh Goods for {client}",
        premise="The stalls of the brokers are empty, and nobody counts the dead of {place}.",
        tags=("broker",),
        steps=(
            Step(
                key="harvest",
                kind=quest_pb2.OBJECTIVE_KIND_HARVEST,
                text="Sell {goods} to a broker.",
                target="goods",
                counted=True,
            ),
            Step(
                key="cull",
                kind=quest_pb2.OBJECTIVE_KIND_DEFEAT,
                text="Defeat {enemies} without spoiling them.",
                target="enemy",
                counted=True,
                from_difficulty=_NORMAL,
            ),
            Step(
                key="settle",
                kind=quest_pb2.OBJECTIVE_KIND_TALK,
                text="Settle the account with {client}.",
                target="client",
                from_difficulty=_EASY,
                optional=True,
                after=("harvest",),
            ),
        ),
    ),
    Story(
        theme=quest_pb2.QUEST_THEME_SURVIVAL,
        title="Until the Bells",
        premise="{contact} is trapped at {place}, and the night has only begun.",
        tags=("siege",),
        steps=(
            Step(
                key="get-there",
                kind=quest_pb2.OBJECTIVE_KIND_REACH,
                text="Fight your way to {place}.",
            ),
            Step(
                key="hold",
                kind=quest_pb2.OBJECTIVE_KIND_PROTECT,
                text="Keep {contact} alive until morning.",
                target="contact",
                after=("get-there",),
            ),
            Step(
                key="break-the-siege",
                kind=quest_pb2.OBJECTIVE_KIND_DEFEAT,
                text="Defeat {enemies} at the gates.",
                target="enemy",
                counted=True,
                from_difficulty=_NORMAL,
                after=("get-there",),
            ),
        ),
    ),
)
