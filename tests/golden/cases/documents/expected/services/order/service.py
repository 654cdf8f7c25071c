"""Serves shop.orders.v1.OrderService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from google.protobuf import empty_pb2
from shop.orders.v1 import orders_pb2
from shop.orders.v1.orders_nats import OrderServiceServer


class OrderService(OrderServiceServer):
    """Takes orders, and <b>only</b> orders: "a" & 'b' </script> {{ braces }}.

    What it promises:

    - An order is stored before the call returns,
      whatever happens then.
    - `Cancel` may be repeated.

        an example
          that is indented
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def create(
        self,
        request: orders_pb2.CreateRequest,
        context: protonats.CallContext,
    ) -> orders_pb2.Order:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Create is not implemented",
        )

    async def get(
        self,
        request: orders_pb2.GetRequest,
        context: protonats.CallContext,
    ) -> orders_pb2.GetResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Get is not implemented",
        )

    def search(
        self,
        request: orders_pb2.SearchRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[orders_pb2.Order]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Search is not implemented",
        )

    async def import_(
        self,
        requests: AsyncIterator[orders_pb2.Order],
        context: protonats.CallContext,
    ) -> empty_pb2.Empty:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Import is not implemented",
        )

    def watch(
        self,
        requests: AsyncIterator[orders_pb2.SearchRequest],
        context: protonats.CallContext,
    ) -> AsyncIterator[orders_pb2.OrderChanged]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Watch is not implemented",
        )

    async def cancel(
        self,
        request: orders_pb2.CancelRequest,
        context: protonats.CallContext,
    ) -> empty_pb2.Empty:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Cancel is not implemented",
        )
