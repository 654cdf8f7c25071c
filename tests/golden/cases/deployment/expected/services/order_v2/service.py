"""Serves shop.order.v2.OrderService."""

from __future__ import annotations

import protonats
from shop.order.v2 import order_pb2
from shop.order.v2.order_nats import OrderServiceServer


class OrderService(OrderServiceServer):
    """Takes orders of many articles."""

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
