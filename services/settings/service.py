"""Serves bodybroker.settings.v1.SettingsService."""

from __future__ import annotations

import protonats
from bodybroker.settings.v1 import settings_pb2
from bodybroker.settings.v1.settings_nats import SettingsServiceServer


class SettingsService(SettingsServiceServer):
    """Keeps the settings of players.

    Only what a player has changed is stored: everything else has its default,
    and follows when the default changes.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def get(
        self,
        request: settings_pb2.GetRequest,
        context: protonats.CallContext,
    ) -> settings_pb2.GetResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Get is not implemented",
        )

    async def update(
        self,
        request: settings_pb2.UpdateRequest,
        context: protonats.CallContext,
    ) -> settings_pb2.UpdateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Update is not implemented",
        )

    async def reset(
        self,
        request: settings_pb2.ResetRequest,
        context: protonats.CallContext,
    ) -> settings_pb2.ResetResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Reset is not implemented",
        )
