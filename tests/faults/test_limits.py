"""Headers and messages beyond what is taken, and handlers that do not end as they should."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._wire import headers
from protonats.errors import Code
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.faults.attack import all_kinds_work
from tests.functional.echo import eventually
from tests.functional.raw_nats import raw_nats
from tests.functional.streams import (
    Responses,
    StreamClient,
    Streams,
    code_of,
    each,
    pair,
    text,
    values,
)

pytestmark = pytest.mark.anyio

_LIMIT = 64 * 1024 * 1024


@pytest.mark.parametrize(
    "lines",
    [
        b"".join(b"x-%d: %d\r\n" % (number, number) for number in range(60_000)),
        b"x: " + b"a" * 1_000_000 + b"\r\n",
        b"a" * 1_000_000 + b": x\r\n",
        b"\r\n" * 400_000,
        b":" * 1_000_000 + b"\r\n",
    ],
    ids=["many lines", "long value", "long name", "empty lines", "colons"],
)
async def test_huge_headers_cost_little(nats: EmbeddedNats, lines: bytes) -> None:
    """What breaks the rules of metadata is ignored, and the call is served."""
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        call = headers.encode({"Pn-Call": f"01-{'0' * 32}-00001388"}).removesuffix(b"\r\n")
        block = call + lines + b"\r\n"
        began = time.monotonic()
        answer = await raw.request("svc.echo.v1.say", b"\n\x02hi", headers=block[:1_040_000])
        assert time.monotonic() - began < 4.0
        assert answer.body == b"\n\x02hi"
        await all_kinds_work(both)


@pytest.mark.parametrize("value", ["a\r\nNats-Service-Error-Code: 3", "a\nb", "a\rb", "a" * 9000])
@pytest.mark.parametrize("kind", ["response_metadata", "trailers"])
async def test_what_a_handler_cannot_send_is_a_defect_of_the_handler(
    nats: EmbeddedNats, kind: str, value: str
) -> None:
    async def watch(request: StringValue, context: CallContext) -> Responses:
        getattr(context, kind)["bad"] = value
        yield request

    async with pair(nats.url, Streams(watch=watch)) as both:
        code, message = await code_of(values(both.client.watch(text("hi"))))
        assert (code, message[:14]) == (Code.INTERNAL, "internal error")


_TOO_LARGE: dict[str, Callable[[StreamClient], Awaitable[object]]] = {
    "say": lambda client: client.say(text("x" * _LIMIT)),
    "watch": lambda client: values(client.watch(text("x" * _LIMIT))),
    "ingest": lambda client: client.ingest(each("x" * _LIMIT)),
    "chat": lambda client: values(client.chat(each("a", "x" * _LIMIT))),
    "response": lambda client: client.say(text("large")),
    "responses": lambda client: values(client.watch(text("large"))),
}


@pytest.mark.parametrize("kind", _TOO_LARGE)
async def test_more_than_64_mib_is_refused_at_once(nats: EmbeddedNats, kind: str) -> None:
    large = text("x" * _LIMIT)

    async def say(request: StringValue, context: CallContext) -> StringValue:
        return large if request.value == "large" else request

    async def watch(request: StringValue, context: CallContext) -> Responses:
        if request.value == "large":
            yield large
        for number in range(3):
            yield text(number)

    server = Streams(watch=watch)
    server.handler = say
    async with pair(nats.url, server) as both:
        began = time.monotonic()
        code, message = await code_of(_TOO_LARGE[kind](both.client))
        assert time.monotonic() - began < 4.0
        assert code is Code.RESOURCE_EXHAUSTED
        assert "max_message_size" in message
        await all_kinds_work(both)


_CALLS: dict[str, Callable[[StreamClient], Awaitable[object]]] = {
    "watch": lambda client: values(client.watch(text("hi"), timeout=0.3)),
    "ingest": lambda client: client.ingest(each("a"), timeout=0.3),
    "chat": lambda client: values(client.chat(each("a"), timeout=0.3)),
}


@pytest.mark.parametrize("kind", _CALLS)
async def test_a_handler_of_a_stream_that_raises_cancelled_error_is_internal(
    nats: EmbeddedNats, kind: str
) -> None:
    async def ingest(requests: Responses, context: CallContext) -> StringValue:
        raise asyncio.CancelledError("the password is hunter2")

    async def chat(requests: object, context: CallContext) -> Responses:
        if kind:
            raise asyncio.CancelledError("the password is hunter2")
        yield text("never")

    async with pair(nats.url, Streams(chat, ingest, chat)) as both:
        code, message = await code_of(_CALLS[kind](both.client))
        assert (code, message[:14]) == (Code.INTERNAL, "internal error")


@pytest.mark.parametrize("kind", _CALLS)
async def test_a_handler_of_a_stream_that_never_ends_has_a_deadline(
    nats: EmbeddedNats, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that does not listen when it is cancelled: that is reported."""
    release = asyncio.Event()

    async def stay() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def ingest(requests: Responses, context: CallContext) -> StringValue:
        await stay()
        return text("late")

    async def chat(requests: object, context: CallContext) -> Responses:
        await stay()
        yield text("late")

    async with pair(nats.url, Streams(chat, ingest, chat)) as both:
        assert (await code_of(_CALLS[kind](both.client)))[0] is Code.DEADLINE_EXCEEDED
        await eventually(lambda: "goes on although it was cancelled" in caplog.text)
        assert kind.capitalize() in caplog.text
        release.set()
