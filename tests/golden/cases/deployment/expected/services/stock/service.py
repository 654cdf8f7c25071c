"""Serves shop.stock.v1.StockService."""

from __future__ import annotations

import protonats
from shop.order.v1 import order_pb2
from shop.stock.v1 import stock_pb2
from shop.stock.v1.stock_nats import StockServiceServer


class StockService(StockServiceServer):
    """Keeps the stock."""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def reserve(
        self,
        request: stock_pb2.ReserveRequest,
        context: protonats.CallContext,
    ) -> stock_pb2.ReserveResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Reserve is not implemented",
        )

    async def count(
        self,
        request: stock_pb2.CountRequest,
        context: protonats.CallContext,
    ) -> stock_pb2.CountResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Count is not implemented",
        )

    async def on_order_placed(
        self,
        event: order_pb2.OrderPlaced,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "order_placed is not handled",
        )
