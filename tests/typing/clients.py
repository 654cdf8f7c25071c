"""What type checkers say of generated clients; checked by `make types`, and never run.

A line that has to be wrong carries `type: ignore`: mypy reports one that is right after all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

import protonats
from bodybroker.ai_integration.v1.ai_integration_nats import AiIntegrationServiceClient
from bodybroker.ai_integration.v1.ai_integration_pb2 import (
    ChatRequest,
    ChatResponse,
    InferRequest,
    InferResponse,
    StreamInferRequest,
    StreamInferResponse,
)
from bodybroker.performance_mode.v1.performance_mode_nats import PerformanceModeServiceClient
from bodybroker.performance_mode.v1.performance_mode_pb2 import (
    ReportMetricsRequest,
    ReportMetricsResponse,
)


async def reports() -> AsyncIterator[ReportMetricsRequest]:
    yield ReportMetricsRequest()


async def turns() -> AsyncIterator[ChatRequest]:
    yield ChatRequest(user_text="Hello")


async def unary(client: AiIntegrationServiceClient) -> None:
    info = protonats.CallInfo()
    response = await client.infer(
        InferRequest(prompt="Hello"),
        timeout=1.5,
        metadata={"tenant": "a"},
        idempotency_key="one",
        info=info,
    )
    assert_type(response, InferResponse)
    assert_type(response.text, str)
    await client.infer()  # type: ignore[call-arg]
    await client.infer(InferResponse())  # type: ignore[arg-type]
    await client.infer(InferRequest(), 1.5)  # type: ignore[call-arg]
    await client.infer(InferRequest(), timeout="1 s")  # type: ignore[arg-type]
    await client.infer(InferRequest(), deadline=1.5)  # type: ignore[call-arg]
    await client.infr(InferRequest())  # type: ignore[attr-defined]


async def server_stream(client: AiIntegrationServiceClient) -> None:
    stream = client.stream_infer(StreamInferRequest(), timeout=60)
    assert_type(stream, protonats.ResponseStream[StreamInferResponse])
    async for response in stream:
        assert_type(response, StreamInferResponse)
    await client.stream_infer(StreamInferRequest())  # type: ignore[misc]
    for _ in client.stream_infer(StreamInferRequest()):  # type: ignore[attr-defined]
        pass


async def client_stream(client: PerformanceModeServiceClient) -> None:
    assert_type(await client.report_metrics(reports()), ReportMetricsResponse)
    await client.report_metrics(ReportMetricsRequest())  # type: ignore[arg-type]
    await client.report_metrics(turns())  # type: ignore[arg-type]


async def bidi_stream(client: AiIntegrationServiceClient) -> None:
    async for response in client.chat(turns()):
        assert_type(response, ChatResponse)
    client.chat([ChatRequest()])  # type: ignore[arg-type]


def connecting(connection: protonats.Connection) -> None:
    AiIntegrationServiceClient(connection, wait_for_ready=True)
    AiIntegrationServiceClient("nats://127.0.0.1")  # type: ignore[arg-type]
