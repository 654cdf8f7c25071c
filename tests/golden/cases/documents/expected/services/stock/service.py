"""Serves shop.stock.v1.StockService."""

from __future__ import annotations

import protonats
from shop.orders.v1 import orders_pb2
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

    async def on_order_changed(
        self,
        event: orders_pb2.OrderChanged,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "order_changed is not handled",
        )
