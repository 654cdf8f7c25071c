"""Serves acme.reward.v1.RewardService."""

from __future__ import annotations

import protonats
from acme.quest.v1 import quest_pb2
from acme.reward.v1 import reward_pb2
from acme.reward.v1.reward_nats import RewardServiceServer


class RewardService(RewardServiceServer):
    """acme.reward.v1.RewardService"""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def grant(
        self,
        request: reward_pb2.GrantRequest,
        context: protonats.CallContext,
    ) -> reward_pb2.GrantResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Grant is not implemented",
        )

    async def on_quest_generated(
        self,
        event: quest_pb2.QuestGenerated,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "quest_generated is not handled",
        )
