"""Interceptors of servers, and what travels with a response besides it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from protonats._chain import chain
from protonats._info import IdempotencyInfo, MethodKind
from protonats._wire import headers
from protonats.call_info import CallInfo
from protonats.errors import Code, StatusError
from protonats.interceptors import ServerInterceptor, ServeServerStream, ServeUnary
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import EchoMethods, calling, serving
from tests.functional.policies import Gate, echo_with, raw_caller

pytestmark = pytest.mark.anyio


class Note(ServerInterceptor):
    """Writes down when calls pass."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    async def unary(self, request: Message, context: CallContext, proceed: ServeUnary) -> Message:
        self.log.append(f"{self.name} in")
        response = await proceed(request, context)
        self.log.append(f"{self.name} out")
        return response


class Guard(ServerInterceptor):
    """Lets nobody in who does not say please."""

    async def unary(self, request: Message, context: CallContext, proceed: ServeUnary) -> Message:
        if context.metadata.get("say") != "please":
            raise StatusError(Code.PERMISSION_DENIED, "say please")
        return await proceed(request, context)


class Doubled(ServerInterceptor):
    """Sends every message of a stream twice."""

    async def server_stream(
        self, request: Message, context: CallContext, proceed: ServeServerStream
    ) -> AsyncIterator[Message]:
        async for message in proceed(request, context):
            yield message
            yield message


async def test_the_first_interceptor_is_the_outermost(nats: EmbeddedNats) -> None:
    log: list[str] = []

    async def handle(request: StringValue, context: CallContext) -> StringValue:
        log.append("handler")
        return request

    interceptors = (Note("a", log), Note("b", log))
    async with (
        serving(nats.url, echo_with(handle), interceptors=interceptors),
        calling(nats.url) as client,
    ):
        assert (await client.say(StringValue(value="x"))).value == "x"
    assert log == ["a in", "b in", "handler", "b out", "a out"]


async def test_an_interceptor_can_refuse_a_call(nats: EmbeddedNats) -> None:
    gate = Gate()
    gate.open.set()
    async with (
        serving(nats.url, echo_with(gate), interceptors=[Guard()]),
        calling(nats.url) as client,
    ):
        with pytest.raises(StatusError, match="say please"):
            await client.say(StringValue(value="1"))
        await client.say(StringValue(value="2"), metadata={"say": "please"})
    assert gate.begun == ["2"]


async def test_an_interceptor_of_streams_sees_their_messages() -> None:
    async def count(request: StringValue, context: CallContext) -> AsyncIterator[StringValue]:
        yield StringValue(value="1")
        yield StringValue(value="2")

    interceptors = [Doubled(), Guard()]
    handler = chain(interceptors, ServerInterceptor, MethodKind.SERVER_STREAM, count)
    assert handler is not None
    context = CallContext(method=EchoMethods.watch, call_id="")
    values = [message.value async for message in handler(StringValue(), context)]
    assert values == ["1", "1", "2", "2"]


def test_interceptors_that_leave_a_kind_alone_are_not_in_the_way() -> None:
    def handler(request: object, context: object) -> object:
        raise AssertionError("nobody calls it")

    interceptors = [Guard(), Doubled()]
    assert chain(interceptors, ServerInterceptor, MethodKind.BIDI_STREAM, handler) is None


async def test_metadata_travel_with_a_response(nats: EmbeddedNats) -> None:
    async def handle(request: StringValue, context: CallContext) -> StringValue:
        context.response_metadata["cost"] = "7"
        context.trailers["took"] = "long"
        if request.value == "fail":
            raise StatusError(Code.NOT_FOUND, "nothing there")
        return request

    async with serving(nats.url, echo_with(handle)), raw_caller(nats.url) as caller:
        assert (await caller.call("x")).lines == {"cost": "7", "Pn-Trailer-took": "long"}
        failed = await caller.call("fail")
        assert failed.error.code is Code.NOT_FOUND
        assert (failed.lines["cost"], failed.lines["Pn-Trailer-took"]) == ("7", "long")
        async with calling(nats.url) as client:
            info = CallInfo()
            await client._unary(EchoMethods.say, StringValue(value="x"), info=info)
            assert (info.metadata, info.trailers) == ({"cost": "7"}, {"took": "long"})
            with pytest.raises(StatusError, match="nothing there"):
                await client._unary(EchoMethods.say, StringValue(value="fail"), info=info)
            assert (info.metadata, info.trailers) == ({"cost": "7"}, {"took": "long"})


async def test_an_answer_without_metadata_has_no_header_at_all(nats: EmbeddedNats) -> None:
    async def handle(request: StringValue, context: CallContext) -> StringValue:
        assert context.response_metadata == context.trailers == {}
        return request

    async with serving(nats.url, echo_with(handle)), raw_caller(nats.url) as caller:
        assert (await caller.call("x", team="red")).lines == {}


@pytest.mark.parametrize("fail", [True, False])
async def test_malformed_metadata_are_a_defect_of_the_handler(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture, fail: bool
) -> None:
    async def handle(request: StringValue, context: CallContext) -> StringValue:
        context.response_metadata["bad"] = "a\r\nNats-Service-Error-Code: 3"
        if fail:
            raise StatusError(Code.NOT_FOUND, "nothing there")
        return request

    with caplog.at_level(logging.ERROR, "protonats"):
        async with serving(nats.url, echo_with(handle)), raw_caller(nats.url) as caller:
            answer = await caller.call("x")
    assert answer.error.code is Code.INTERNAL
    assert set(answer.lines) == {headers.ERROR, headers.ERROR_CODE}
    assert "the metadata of a response: metadata 'bad'" in caplog.text


async def test_a_method_may_require_a_key(nats: EmbeddedNats) -> None:
    server = echo_with(idempotency=IdempotencyInfo(required=True, fail_open=True))
    async with serving(nats.url, server), raw_caller(nats.url) as caller:
        answer = await caller.call("x")
        assert answer.error.code is Code.INVALID_ARGUMENT
        assert answer.error.message == "Say is called with an idempotency key only"
        assert (await caller.call("x", Pn_Idempotency_Key="k")).value == "x"
