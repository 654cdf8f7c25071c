"""Serves alike.two.v1.AdminService."""

from __future__ import annotations

import protonats
from alike.two.v1 import admin_pb2
from alike.two.v1.admin_nats import AdminServiceServer


class AdminService(AdminServiceServer):
    """alike.two.v1.AdminService"""

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def get(
        self,
        request: admin_pb2.GetRequest,
        context: protonats.CallContext,
    ) -> admin_pb2.GetRequest:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Get is not implemented",
        )
