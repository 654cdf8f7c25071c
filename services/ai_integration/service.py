"""Serves bodybroker.ai_integration.v1.AiIntegrationService."""

from __future__ import annotations

from collections.abc import AsyncIterator

import protonats
from bodybroker.ai_integration.v1 import ai_integration_pb2
from bodybroker.ai_integration.v1.ai_integration_nats import AiIntegrationServiceServer
from bodybroker.model_mgmt.v1 import model_mgmt_pb2


class AiIntegrationService(AiIntegrationServiceServer):
    """Runs language models on behalf of the other services.

    Which provider serves a model, and with which credentials, is known here
    alone. No method changes anything that a caller could read back: what runs
    is only counted, by LlmGenerated.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def infer(
        self,
        request: ai_integration_pb2.InferRequest,
        context: protonats.CallContext,
    ) -> ai_integration_pb2.InferResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Infer is not implemented",
        )

    def stream_infer(
        self,
        request: ai_integration_pb2.StreamInferRequest,
        context: protonats.CallContext,
    ) -> AsyncIterator[ai_integration_pb2.StreamInferResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "StreamInfer is not implemented",
        )

    def chat(
        self,
        requests: AsyncIterator[ai_integration_pb2.ChatRequest],
        context: protonats.CallContext,
    ) -> AsyncIterator[ai_integration_pb2.ChatResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Chat is not implemented",
        )

    async def on_model_selected(
        self,
        event: model_mgmt_pb2.ModelSelected,
        context: protonats.EventContext,
    ) -> None:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "model_selected is not handled",
        )
