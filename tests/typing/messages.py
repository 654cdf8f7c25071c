"""What type checkers say of generated message stubs; checked by `make types`, and never run."""

from __future__ import annotations

from typing import Literal, assert_type

from bodybroker.ai_integration.v1 import ai_integration_pb2
from bodybroker.ai_integration.v1.ai_integration_pb2 import (
    FINISH_REASON_STOP,
    ChatRequest,
    FinishReason,
    InferRequest,
    InferResponse,
    StreamInferResponse,
)

response = InferResponse(text="a", finish_reason=FINISH_REASON_STOP)
assert_type(response.text, str)
assert_type(response.finish_reason, FinishReason.ValueType)
assert_type(FinishReason.Name(response.finish_reason), str)
assert_type(FinishReason.Value("FINISH_REASON_STOP"), FinishReason.ValueType)
assert_type(InferResponse.FromString(b""), InferResponse)
InferResponse(txt="a")  # type: ignore[call-arg]
InferResponse(text=1)  # type: ignore[arg-type]
InferResponse("a")  # type: ignore[call-arg]
response.text = b"a"  # type: ignore[assignment]
response.finish_reason = 7  # type: ignore[assignment]
response.txt = "a"  # type: ignore[attr-defined]

request = InferRequest(prompt="Hello")
request.HasField("parameters")
request.HasField("purpose")  # type: ignore[arg-type]
request.ClearField("purpose")
request.ClearField("purposes")  # type: ignore[arg-type]
request.parameters.CopyFrom(ai_integration_pb2.SamplingParameters())
request.parameters = ai_integration_pb2.SamplingParameters()  # type: ignore[misc]
assert_type(request.WhichOneof("input"), Literal["prompt", "conversation"] | None)
request.WhichOneof("inputs")  # type: ignore[arg-type]

nested = StreamInferResponse(final=StreamInferResponse.Final(chunk_count=3))
assert_type(nested.final.chunk_count, int)
for message in ChatRequest.Start().history:
    assert_type(message, ai_integration_pb2.ChatMessage)
ChatRequest.Start(history=[ChatRequest()])  # type: ignore[list-item]
ChatRequest.Start().history = []  # type: ignore[assignment,misc]
