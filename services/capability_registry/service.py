"""Serves bodybroker.capability_registry.v1.CapabilityRegistryService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.capability_registry.v1 import capability_registry_pb2
from bodybroker.capability_registry.v1.capability_registry_nats import (
    CapabilityRegistryServiceServer,
)


class CapabilityRegistryService(CapabilityRegistryServiceServer):
    """Knows which instance of which service offers what.

    An instance registers what it offers and keeps it alive with heartbeats.
    What gets none for the time of its lease is removed.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def register(
        self,
        request: capability_registry_pb2.RegisterRequest,
        context: protonats.CallContext,
    ) -> capability_registry_pb2.RegisterResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Register is not implemented",
        )

    async def query(
        self,
        request: capability_registry_pb2.QueryRequest,
        context: protonats.CallContext,
    ) -> capability_registry_pb2.QueryResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Query is not implemented",
        )

    async def heartbeat(
        self,
        requests: AsyncIterator[capability_registry_pb2.HeartbeatRequest],
        context: protonats.CallContext,
    ) -> capability_registry_pb2.HeartbeatResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Heartbeat is not implemented",
        )

    def watch(
        self,
        request: capability_registry_pb2.WatchRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[capability_registry_pb2.WatchResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Watch is not implemented",
        )
