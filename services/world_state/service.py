"""Serves bodybroker.world_state.v1.WorldStateService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.world_state.v1 import world_state_pb2
from bodybroker.world_state.v1.world_state_nats import WorldStateServiceServer


class WorldStateService(WorldStateServiceServer):
    """Keeps the entities of each world, and tells about changes.

    A world has a version that grows with every change. All operations carry
    the world in their subject, so that permissions and affinity can be given
    world by world.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def get_state(
        self,
        request: world_state_pb2.GetStateRequest,
        context: protonats.CallContext,
    ) -> world_state_pb2.GetStateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "GetState is not implemented",
        )

    async def update_state(
        self,
        request: world_state_pb2.UpdateStateRequest,
        context: protonats.CallContext,
    ) -> world_state_pb2.UpdateStateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "UpdateState is not implemented",
        )

    def subscribe(
        self,
        request: world_state_pb2.SubscribeRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[world_state_pb2.SubscribeResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Subscribe is not implemented",
        )
