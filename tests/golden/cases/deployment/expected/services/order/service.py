"""Serves shop.order.v1.OrderService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from shop.order.v1 import order_pb2
from shop.order.v1.order_nats import OrderServiceServer


class OrderService(OrderServiceServer):
    """Takes orders."""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def place(
        self,
        request: order_pb2.PlaceRequest,
        context: protonats.CallContext,
    ) -> order_pb2.PlaceResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Place is not implemented",
        )

    def watch(
        self,
        request: order_pb2.WatchRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[order_pb2.WatchResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Watch is not implemented",
        )
