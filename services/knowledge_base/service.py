"""Serves bodybroker.knowledge_base.v1.KnowledgeBaseService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.knowledge_base.v1 import knowledge_base_pb2
from bodybroker.knowledge_base.v1.knowledge_base_nats import KnowledgeBaseServiceServer


class KnowledgeBaseService(KnowledgeBaseServiceServer):
    """Stores lore documents by collection and searches them.

    The JetStream bucket holds the documents; each instance keeps a full-text
    index of it, which follows changes within a second.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def query(
        self,
        request: knowledge_base_pb2.QueryRequest,
        context: protonats.CallContext,
    ) -> knowledge_base_pb2.QueryResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Query is not implemented",
        )

    async def ingest(
        self,
        requests: AsyncIterator[knowledge_base_pb2.IngestRequest],
        context: protonats.CallContext,
    ) -> knowledge_base_pb2.IngestResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Ingest is not implemented",
        )

    async def update(
        self,
        request: knowledge_base_pb2.UpdateRequest,
        context: protonats.CallContext,
    ) -> knowledge_base_pb2.UpdateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Update is not implemented",
        )

    async def delete(
        self,
        request: knowledge_base_pb2.DeleteRequest,
        context: protonats.CallContext,
    ) -> knowledge_base_pb2.DeleteResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Delete is not implemented",
        )
