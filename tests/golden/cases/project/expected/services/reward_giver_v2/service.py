"""Serves acme.reward.v2.RewardService."""

from __future__ import annotations

import protonats
from acme.reward.v2.reward_nats import RewardServiceServer


class RewardService(RewardServiceServer):
    """acme.reward.v2.RewardService"""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app
