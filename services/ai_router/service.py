"""Serves bodybroker.ai_router.v1.AiRouterService."""

from __future__ import annotations

import protonats
from bodybroker.ai_router.v1 import ai_router_pb2
from bodybroker.ai_router.v1.ai_router_nats import AiRouterServiceServer


class AiRouterService(AiRouterServiceServer):
    """Chooses the instance that serves an AI request best.

    The choice weighs what the capability registry knows: what an instance can
    do, how busy and how fast it is, and what it costs.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def route(
        self,
        request: ai_router_pb2.RouteRequest,
        context: protonats.CallContext,
    ) -> ai_router_pb2.RouteResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Route is not implemented",
        )

    async def check_health(
        self,
        request: ai_router_pb2.CheckHealthRequest,
        context: protonats.CallContext,
    ) -> ai_router_pb2.CheckHealthResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "CheckHealth is not implemented",
        )
