"""Statuses of calls that a handler makes, and what becomes of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import ErrorInfo, ResourceInfo

from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Say, calling, serving
from tests.functional.policies import echo_with
from tests.functional.streams import Responses, StreamClient, Streams, each, pair, text

pytestmark = pytest.mark.anyio

METHOD = "acme.echo.v1.EchoService/Say"


class Nested:
    """A handler that answers `outer` with a call of its own, and that one with a status."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.call: Say

    async def __call__(self, request: StringValue, context: CallContext) -> StringValue:
        if request.value == "inner":
            details = [ResourceInfo(resource_name="quest")]
            raise StatusError(self.code, "of the other service", details=details)
        return await self.call(request, context)


async def status_of(nats: EmbeddedNats, nested: Nested) -> StatusError:
    """What the caller of the outer call gets."""
    async with serving(nats.url, echo_with(nested)), calling(nats.url) as client:

        async def inner(request: StringValue, context: CallContext) -> StringValue:
            return await client.say(StringValue(value="inner"))

        nested.call = getattr(nested, "call", inner)
        with pytest.raises(StatusError) as raised:
            await client.say(StringValue(value="outer"))
    return raised.value


@pytest.mark.parametrize("code", [Code.NOT_FOUND, Code.PERMISSION_DENIED, Code.INVALID_ARGUMENT])
async def test_what_another_service_says_is_not_said_in_the_name_of_this_one(
    nats: EmbeddedNats, code: Code, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "protonats"):
        error = await status_of(nats, Nested(code))
    assert error.code is Code.INTERNAL
    assert "of the other service" not in error.message
    [info] = error.details
    assert isinstance(info, ErrorInfo)
    [record] = caplog.records
    assert info.metadata["error_id"] in record.message
    assert record.exc_info is not None
    assert f"{code.name}: of the other service" in str(record.exc_info[1])
    assert getattr(record.exc_info[1], "method", "") == METHOD


@pytest.mark.parametrize(
    "code",
    [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED, Code.CANCELLED],
)
async def test_what_is_as_true_for_the_caller_is_passed_on(nats: EmbeddedNats, code: Code) -> None:
    error = await status_of(nats, Nested(code))
    assert (error.code, error.message) == (code, "of the other service")
    assert error.method == METHOD


async def test_a_handler_passes_on_what_it_means(nats: EmbeddedNats) -> None:
    nested = Nested(Code.NOT_FOUND)
    async with calling(nats.url) as client:

        async def inner(request: StringValue, context: CallContext) -> StringValue:
            try:
                return await client.say(StringValue(value="inner"))
            except StatusError as error:
                raise StatusError(error.code, error.message, details=error.details) from error

        nested.call = inner
        error = await status_of(nats, nested)
    assert (error.code, error.message) == (Code.NOT_FOUND, "of the other service")
    assert error.details == (ResourceInfo(resource_name="quest"),)


async def test_the_same_holds_for_streams(nats: EmbeddedNats) -> None:
    async def chat(requests: Responses, context: CallContext) -> Responses:
        async for request in requests:
            if request.value == "inner":
                raise StatusError(Code.NOT_FOUND, "of the other service")
            async for response in client.chat(each("inner")):
                yield response

    async with pair(nats.url, Streams(chat=chat)) as both:
        client: StreamClient = both.client
        with pytest.raises(StatusError) as raised:
            async for _ in client.chat(each("outer")):
                pass
    assert raised.value.code is Code.INTERNAL


async def test_what_the_iterable_of_requests_raises_is_the_callers_own(nats: EmbeddedNats) -> None:
    async def requests() -> AsyncIterator[StringValue]:
        yield text("a")
        raise StatusError(Code.NOT_FOUND, "there is no more")

    async with pair(nats.url, Streams()) as both:
        with pytest.raises(StatusError) as raised:
            await both.client.ingest(requests())
    assert (raised.value.code, raised.value.method) == (Code.NOT_FOUND, "")
