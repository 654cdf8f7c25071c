"""Serves bodybroker.router.v1.RouterService."""

from __future__ import annotations

import protonats
from bodybroker.router.v1 import router_pb2
from bodybroker.router.v1.router_nats import RouterServiceServer


class RouterService(RouterServiceServer):
    """Passes requests on to a service by its name and the operation's.

    Meant for tools and for clients that are older than a service. Services
    call each other directly.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def route(
        self,
        request: router_pb2.RouteRequest,
        context: protonats.CallContext,
    ) -> router_pb2.RouteResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Route is not implemented",
        )

    async def health(
        self,
        request: router_pb2.HealthRequest,
        context: protonats.CallContext,
    ) -> router_pb2.HealthResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Health is not implemented",
        )
