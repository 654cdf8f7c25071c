"""What type checkers say of generated servers and publishers; checked by `make types`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

import protonats
from bodybroker.ai_integration.v1.ai_integration_nats import (
    AiIntegrationServicePublisher,
    AiIntegrationServiceServer,
)
from bodybroker.ai_integration.v1.ai_integration_pb2 import (
    ChatRequest,
    ChatResponse,
    InferRequest,
    InferResponse,
    LlmGenerated,
    StreamInferRequest,
    StreamInferResponse,
)
from bodybroker.model_mgmt.v1.model_mgmt_pb2 import ModelSelected


class Complete(AiIntegrationServiceServer):
    async def infer(self, request: InferRequest, context: protonats.CallContext) -> InferResponse:
        assert_type(request.prompt, str)
        return InferResponse()

    async def stream_infer(
        self, request: StreamInferRequest, context: protonats.CallContext
    ) -> AsyncIterator[StreamInferResponse]:
        yield StreamInferResponse()

    async def chat(
        self, requests: AsyncIterator[ChatRequest], context: protonats.CallContext
    ) -> AsyncIterator[ChatResponse]:
        async for request in requests:
            assert_type(request, ChatRequest)
            yield ChatResponse()

    async def on_model_selected(
        self, event: ModelSelected, context: protonats.EventContext
    ) -> None:
        assert_type(context.delivery, int)


class Incomplete(AiIntegrationServiceServer):
    async def infer(  # type: ignore[override]
        self, request: InferRequest, context: protonats.CallContext
    ) -> StreamInferResponse:
        return StreamInferResponse()

    def stream_infer(  # type: ignore[override]
        self, request: StreamInferRequest
    ) -> AsyncIterator[StreamInferResponse]:
        raise NotImplementedError

    async def chat(  # type: ignore[override]
        self, requests: AsyncIterator[ChatRequest], context: protonats.CallContext
    ) -> ChatResponse:
        return ChatResponse()


Complete()
Incomplete()  # type: ignore[abstract]


async def publish(publisher: AiIntegrationServicePublisher) -> None:
    acknowledged = await publisher.publish_llm_generated(
        LlmGenerated(), metadata={"tenant": "a"}, event_id="one"
    )
    assert_type(acknowledged, protonats.PublishAck)
    await publisher.publish_llm_generated(ModelSelected())  # type: ignore[arg-type]
    await publisher.publish_llm_generated(LlmGenerated(), timeout=1)  # type: ignore[call-arg]
    await publisher.publish_model_selected(ModelSelected())  # type: ignore[attr-defined]
