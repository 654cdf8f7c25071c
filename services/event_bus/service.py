"""Serves bodybroker.event_bus.v1.EventBusService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.event_bus.v1 import event_bus_pb2
from bodybroker.event_bus.v1.event_bus_nats import EventBusServiceServer


class EventBusService(EventBusServiceServer):
    """Publishes events and hands them out by pattern.

    Services have durable consumers of their own; this is for game clients and
    tools, which come and go. A subscription lives as long as its stream, and
    can be taken up again from the cursors of the last events that were seen.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def publish(
        self,
        request: event_bus_pb2.PublishRequest,
        context: protonats.CallContext,
    ) -> event_bus_pb2.PublishResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Publish is not implemented",
        )

    def subscribe(
        self,
        request: event_bus_pb2.SubscribeRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[event_bus_pb2.SubscribeResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Subscribe is not implemented",
        )

    async def unsubscribe(
        self,
        request: event_bus_pb2.UnsubscribeRequest,
        context: protonats.CallContext,
    ) -> event_bus_pb2.UnsubscribeResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Unsubscribe is not implemented",
        )
