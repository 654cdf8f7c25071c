"""What the spans of calls say about failures, streams and retries."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry.trace import SpanKind, StatusCode

from protonats import Code, StatusError
from protonats._process.log import JsonFormatter
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.policies import Gate
from tests.functional.streams import Held, Pair, Streams, code_of, each, pair, text, values
from tests.functional.traced import Spans, attributes, is_child

pytestmark = pytest.mark.anyio

_SENT, _RECEIVED = "protonats.stream.sent", "protonats.stream.received"


@pytest.fixture
def spans() -> Spans:
    return Spans()


def watched(both: Pair, spans: Spans) -> Pair:
    """The pair, with both of its connections instrumented."""
    spans.watch(*both.connections)
    return both


class Failing(Streams):
    """Its method `Say` fails with what it is given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    async def say(self, request: StringValue, context: CallContext) -> StringValue:
        raise self.error


@pytest.mark.parametrize(
    ("code", "server_status"),
    [(Code.NOT_FOUND, StatusCode.UNSET), (Code.UNAVAILABLE, StatusCode.ERROR)],
)
async def test_a_status_is_an_error_to_the_caller_and_perhaps_to_the_service(
    nats: EmbeddedNats, spans: Spans, code: Code, server_status: StatusCode
) -> None:
    async with pair(nats.url, Failing(StatusError(code, "no such thing"))) as both:
        watched(both, spans)
        assert await code_of(both.client.say(text("a"))) == (code, "no such thing")
        await spans.arrived(2)

    client, server = spans.one(SpanKind.CLIENT), spans.one(SpanKind.SERVER)
    assert is_child(server, client)
    assert client.status.status_code is StatusCode.ERROR
    assert client.status.description == "no such thing"
    assert server.status.status_code is server_status
    for span in (client, server):
        assert attributes(span)["rpc.response.status_code"] == code.name
    assert ("error.type" in attributes(server)) is (server_status is StatusCode.ERROR)


async def test_an_exception_is_recorded_where_it_was_raised(
    nats: EmbeddedNats, spans: Spans
) -> None:
    async with pair(nats.url, Failing(ValueError("the secret"))) as both:
        watched(both, spans)
        code, _ = await code_of(both.client.say(text("a")))
        await spans.arrived(2)

    assert code is Code.INTERNAL
    (event,) = spans.one(SpanKind.SERVER).events
    assert (event.attributes or {})["exception.message"] == "the secret"
    assert "the secret" not in spans.one(SpanKind.CLIENT).to_json()


async def test_a_request_that_cannot_be_read_has_a_span(nats: EmbeddedNats, spans: Spans) -> None:
    async with pair(nats.url, Streams()) as both:
        spans.watch(both.server)
        await both.client._connection._request(
            "svc.echo.v1.say", b"\xff", b"", asyncio.get_running_loop().time() + 5
        )
        await spans.arrived(1)

    span = spans.one(SpanKind.SERVER)
    assert attributes(span)["rpc.response.status_code"] == "INVALID_ARGUMENT"


async def test_a_cancelled_call_says_so_on_both_sides(nats: EmbeddedNats, spans: Spans) -> None:
    gate = Gate()
    server = Streams()
    server.handler = gate
    async with pair(nats.url, server) as both:
        watched(both, spans)
        call = asyncio.create_task(both.client.say(text("a")))
        while not gate.begun:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        call.cancel()
        await spans.arrived(2)

    client, served = spans.one(SpanKind.CLIENT), spans.one(SpanKind.SERVER)
    for span in (client, served):
        assert attributes(span)["rpc.response.status_code"] == "CANCELLED"
    assert client.status.status_code is StatusCode.ERROR
    assert served.status.status_code is StatusCode.UNSET


async def test_a_deadline_that_passes_is_an_error_on_both_sides(
    nats: EmbeddedNats, spans: Spans
) -> None:
    server = Streams()
    server.handler = Gate()
    async with pair(nats.url, server) as both:
        watched(both, spans)
        code, _ = await code_of(both.client.say(text("a"), timeout=0.05))
        await spans.arrived(2)

    assert code is Code.DEADLINE_EXCEEDED
    for span in spans.all:
        assert attributes(span)["error.type"] == "DEADLINE_EXCEEDED"


async def test_a_call_that_is_made_again_is_one_span_with_an_event(
    nats: EmbeddedNats, spans: Spans
) -> None:
    async with pair(nats.url, Streams()) as both:
        watched(both, spans)
        await both.instance.drain(1.0)
        code, _ = await code_of(both.client.say(text("a")))
        await code_of(values(both.client.watch(text("1"))))
        unary, stream = await spans.arrived(2)

    assert code is Code.UNAVAILABLE
    for span in (unary, stream):
        assert {event.name for event in span.events} == {"retry"}
        assert (span.events[0].attributes or {})["protonats.reason"] == "UNAVAILABLE"


async def test_a_stream_is_one_span_with_its_messages_counted(
    nats: EmbeddedNats, spans: Spans
) -> None:
    async with pair(nats.url, Streams()) as both:
        watched(both, spans)
        assert await both.client.ingest(each(1, 2, 3)) == text("1,2,3")
        await spans.arrived(2)

    client, server = spans.one(SpanKind.CLIENT), spans.one(SpanKind.SERVER)
    assert is_child(server, client)
    assert (attributes(client)[_SENT], attributes(client)[_RECEIVED]) == (3, 1)
    assert (attributes(server)[_SENT], attributes(server)[_RECEIVED]) == (1, 3)
    assert attributes(client)["rpc.method"] == "acme.echo.v1.EchoService/Ingest"
    assert attributes(server)["rpc.response.status_code"] == "OK"


async def test_a_stream_that_its_reader_leaves_ends_its_spans(
    nats: EmbeddedNats, spans: Spans
) -> None:
    async with pair(nats.url, Held().server()) as both:
        watched(both, spans)
        responses = both.client.watch(text("a"))
        assert isinstance(responses, AsyncIterator)
        async with aclosing(responses):
            await anext(responses)
        await spans.arrived(2)

    for span in spans.all:
        assert attributes(span)["rpc.response.status_code"] == "CANCELLED"
    assert attributes(spans.one(SpanKind.SERVER))[_SENT] == 1


async def test_streams_of_an_open_span_are_its_children(nats: EmbeddedNats, spans: Spans) -> None:
    async with pair(nats.url, Streams()) as both:
        watched(both, spans)
        with spans.tracer.start_as_current_span("batch"):
            assert await values(both.client.chat(each("a", "b"))) == ["a", "b"]
            assert await values(both.client.watch(text(2))) == ["0", "1"]
        await spans.arrived(5)

    (batch,) = [span for span in spans.all if span.name == "batch"]
    clients = [span for span in spans.all if span.kind is SpanKind.CLIENT]
    assert all(is_child(client, batch) for client in clients)


@pytest.mark.parametrize("traced", [True, False])
async def test_log_lines_of_a_handler_have_the_ids_of_its_call(
    nats: EmbeddedNats, spans: Spans, traced: bool
) -> None:
    lines: list[dict[str, str]] = []
    contexts: list[CallContext] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    async def say(request: StringValue, context: CallContext) -> StringValue:
        contexts.append(context)
        logging.getLogger("quest.rewards").warning("paid")
        return request

    server = Streams()
    server.handler = say
    logger = logging.getLogger("quest.rewards")
    handler = Lines()
    logger.addHandler(handler)
    try:
        async with pair(nats.url, server) as both:
            if traced:
                watched(both, spans)
            await both.client.say(text("a"))
    finally:
        logger.removeHandler(handler)

    (line,), (context,) = lines, contexts
    assert line["call_id"] == context.call_id
    if traced:
        await spans.arrived(2)
        span = spans.one(SpanKind.SERVER).context
        assert span is not None
        assert line["trace_id"] == f"{span.trace_id:032x}"
        assert line["span_id"] == f"{span.span_id:016x}"
    else:
        assert "trace_id" not in line
