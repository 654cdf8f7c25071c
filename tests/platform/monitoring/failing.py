"""Services that fail, as those of the platform do when something is wrong with them."""

from __future__ import annotations

import protonats
from bodybroker.ai_router.v1 import ai_router_pb2
from bodybroker.capability_registry.v1 import capability_registry_pb2
from bodybroker.capability_registry.v1.capability_registry_nats import (
    CapabilityRegistryServiceClient,
)
from services.ai_router.service import AiRouterService
from services.capability_registry.service import CapabilityRegistryService

__all__ = ["AskingRouter", "UnavailableRegistry"]


class AskingRouter(AiRouterService):
    """Asks the registry for each route, and fails as that does."""

    def __init__(self, app: protonats.Application) -> None:
        super().__init__(app)
        self._registry = CapabilityRegistryServiceClient(app.connection)

    async def route(
        self, request: ai_router_pb2.RouteRequest, context: protonats.CallContext
    ) -> ai_router_pb2.RouteResponse:
        await self._registry.query(capability_registry_pb2.QueryRequest())
        return ai_router_pb2.RouteResponse()


class UnavailableRegistry(CapabilityRegistryService):
    """Cannot answer."""

    async def query(
        self, request: capability_registry_pb2.QueryRequest, context: protonats.CallContext
    ) -> capability_registry_pb2.QueryResponse:
        raise protonats.StatusError(protonats.Code.UNAVAILABLE, "what it knows is away")
