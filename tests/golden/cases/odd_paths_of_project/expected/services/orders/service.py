"""Serves acme.paths.y2024.OrdersService."""

from __future__ import annotations

import protonats
from _2024 import orders_pb2
from _2024.orders_nats import OrdersServiceServer
from class_ import def_pb2


class OrdersService(OrdersServiceServer):
    """acme.paths.y2024.OrdersService"""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def get(
        self,
        request: orders_pb2.Order,
        context: protonats.CallContext,
    ) -> def_pb2.Def:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Get is not implemented",
        )
