"""Code around the calls of a client, of all four kinds."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterable, AsyncIterator

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from protonats.call_info import CallInfo
from protonats.errors import Code, StatusError
from protonats.interceptors import (
    CallBidiStream,
    CallClientStream,
    CallServerStream,
    CallUnary,
    ClientInterceptor,
    OutgoingCall,
)
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, calling, serving

pytestmark = pytest.mark.anyio


class Choir(Echo):
    """Echoes of all kinds; each response tells the tenant of the call."""

    def watch(self, request: StringValue, context: CallContext) -> AsyncIterator[StringValue]:
        self.contexts.append(context)
        return _each(request.value.split(), context)

    async def ingest(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> StringValue:
        self.contexts.append(context)
        values = [request.value async for request in requests]
        return StringValue(value=" ".join([*values, *context.metadata.values()]))

    async def chat(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> AsyncIterator[StringValue]:
        self.contexts.append(context)
        async for request in requests:
            yield StringValue(value=" ".join([request.value, *context.metadata.values()]))


async def _each(values: list[str], context: CallContext) -> AsyncIterator[StringValue]:
    for value in values:
        yield StringValue(value=" ".join([value, *context.metadata.values()]))


class Tenant(ClientInterceptor):
    """Adds metadata to every call, and keeps a record of what it saw."""

    def __init__(self, name: str, record: list[str]) -> None:
        self._name = name
        self._record = record

    def _with_tenant(self, call: OutgoingCall) -> OutgoingCall:
        self._record.append(f"{self._name} {call.method.name}")
        tenant = " ".join([*call.metadata.values(), self._name])
        return dataclasses.replace(call, metadata={"tenant": tenant})

    async def unary(self, request: Message, call: OutgoingCall, proceed: CallUnary) -> Message:
        return await proceed(request, self._with_tenant(call))

    def server_stream(
        self, request: Message, call: OutgoingCall, proceed: CallServerStream
    ) -> AsyncIterator[Message]:
        return proceed(request, self._with_tenant(call))

    async def client_stream(
        self, requests: AsyncIterable[Message], call: OutgoingCall, proceed: CallClientStream
    ) -> Message:
        return await proceed(requests, self._with_tenant(call))

    async def bidi_stream(
        self, requests: AsyncIterable[Message], call: OutgoingCall, proceed: CallBidiStream
    ) -> AsyncIterator[Message]:
        async for response in proceed(requests, self._with_tenant(call)):
            assert isinstance(response, StringValue)
            self._record.append(response.value)
            yield response


async def _requests() -> AsyncIterator[StringValue]:
    yield StringValue(value="a")
    yield StringValue(value="b")


async def test_the_first_is_the_outermost_for_all_four_kinds(nats: EmbeddedNats) -> None:
    record: list[str] = []
    interceptors = [Tenant("out", record), Tenant("in", record)]
    choir = Choir()
    async with (
        serving(nats.url, choir),
        calling(nats.url, interceptors=interceptors) as client,
    ):
        await client.say(StringValue())
        watched = [item.value async for item in client.watch(StringValue(value="a b"))]
        ingested = await client.ingest(_requests())
        assert record == ["out Say", "in Say", "out Watch", "in Watch", "out Ingest", "in Ingest"]
        record.clear()
        chatted = [item.value async for item in client.chat(_requests())]
        assert record == ["out Chat", "in Chat", *("a out in",) * 2, *("b out in",) * 2]
    assert watched == chatted == ["a out in", "b out in"]
    assert ingested.value == "a b out in"
    assert [context.metadata for context in choir.contexts] == [{"tenant": "out in"}] * 4


class Stubborn(ClientInterceptor):
    """Calls again after any failure, and answers by itself when there is no end."""

    async def unary(self, request: Message, call: OutgoingCall, proceed: CallUnary) -> Message:
        for _ in range(2):
            try:
                return await proceed(request, call)
            except StatusError:
                continue
        return StringValue(value="by myself")


async def test_one_may_call_again_or_not_at_all(nats: EmbeddedNats) -> None:
    async def refuse(request: StringValue, context: CallContext) -> StringValue:
        raise StatusError(Code.NOT_FOUND)

    echo, info = Choir(refuse), CallInfo()
    async with (
        serving(nats.url, echo),
        calling(nats.url, interceptors=[Stubborn()]) as client,
    ):
        assert (await client.say(StringValue(), info=info)).value == "by myself"
        metrics = client._connection.metrics.render().decode()
    assert info.attempts == len(echo.contexts) == 2
    labels = 'method="Say",service="acme.echo.v1.EchoService"'
    assert f"protonats_client_started_total{{{labels}}} 1.0" in metrics
    assert f'protonats_client_handled_total{{code="OK",{labels}}} 1.0' in metrics


class Strict(ClientInterceptor):
    """Lets nobody through."""

    async def unary(self, request: Message, call: OutgoingCall, proceed: CallUnary) -> Message:
        raise StatusError(Code.PERMISSION_DENIED, "not you")


async def test_one_may_refuse(nats: EmbeddedNats) -> None:
    echo = Choir()
    async with (
        serving(nats.url, echo),
        calling(nats.url, interceptors=[Strict()]) as client,
    ):
        with pytest.raises(StatusError, match="PERMISSION_DENIED: not you"):
            await client.say(StringValue())
        assert [item.value async for item in client.watch(StringValue(value="a"))] == ["a"]
        assert 'code="PERMISSION_DENIED"' in client._connection.metrics.render().decode()
    assert [context.method.name for context in echo.contexts] == ["Watch"]


async def test_one_that_leaves_a_kind_alone_costs_it_nothing(nats: EmbeddedNats) -> None:
    async with calling(nats.url, interceptors=[Strict(), ClientInterceptor()]) as client:
        assert client._around_unary is not None
        assert client._around_server_stream is None
        assert client._around_client_stream is None
        assert client._around_bidi_stream is None


async def test_what_one_changes_is_checked(nats: EmbeddedNats) -> None:
    async with (
        serving(nats.url, Choir()),
        calling(nats.url, interceptors=[Tenant("\n", [])]) as client,
    ):
        with pytest.raises(StatusError, match="INVALID_ARGUMENT"):
            await client.say(StringValue())
        with pytest.raises(StatusError, match="INVALID_ARGUMENT"):
            await anext(client.watch(StringValue()))
