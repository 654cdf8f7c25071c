"""Serves acme.quest.v1.QuestService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from acme.quest.v1 import quest_pb2
from acme.quest.v1.quest_nats import QuestServiceServer
from acme.reward.v1 import reward_pb2


class QuestService(QuestServiceServer):
    """Makes quests.

    More about it.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def generate_quest(
        self,
        request: quest_pb2.GenerateQuestRequest,
        context: protonats.CallContext,
    ) -> quest_pb2.GenerateQuestResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "GenerateQuest is not implemented",
        )

    def watch_quests(
        self,
        request: quest_pb2.WatchQuestsRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[quest_pb2.WatchQuestsResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "WatchQuests is not implemented",
        )

    async def on_reward_granted(
        self,
        event: reward_pb2.RewardGranted,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "reward_granted is not handled",
        )
