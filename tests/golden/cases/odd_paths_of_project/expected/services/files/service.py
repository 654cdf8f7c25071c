"""Serves acme.paths.files.FilesService."""

from __future__ import annotations

import protonats
from _2024 import orders_pb2
from class_ import def_pb2
from google.api import own_pb2  # type: ignore[import-untyped,unused-ignore]
from my_files.all_nats import FilesServiceServer


class FilesService(FilesServiceServer):
    """acme.paths.files.FilesService"""

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

    async def own(
        self,
        request: own_pb2.Own,
        context: protonats.CallContext,
    ) -> own_pb2.Own:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Own is not implemented",
        )
