"""Serves bodybroker.body_broker.v1.BodyBrokerService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.body_broker.v1 import body_broker_pb2
from bodybroker.body_broker.v1.body_broker_nats import BodyBrokerServiceServer


class BodyBrokerService(BodyBrokerServiceServer):
    """Runs the trade between players and brokers.

    Harvested goods go to the player's state. A deal is agreed on in a
    negotiation and completed once: goods and money change hands together, or
    not at all.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def harvest(
        self,
        request: body_broker_pb2.HarvestRequest,
        context: protonats.CallContext,
    ) -> body_broker_pb2.HarvestResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Harvest is not implemented",
        )

    def negotiate(
        self,
        requests: AsyncIterator[body_broker_pb2.NegotiateRequest],
        context: protonats.CallContext,
    ) -> AsyncIterator[body_broker_pb2.NegotiateResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Negotiate is not implemented",
        )

    async def complete_deal(
        self,
        request: body_broker_pb2.CompleteDealRequest,
        context: protonats.CallContext,
    ) -> body_broker_pb2.CompleteDealResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "CompleteDeal is not implemented",
        )
