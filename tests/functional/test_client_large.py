"""Large messages on the side of the caller, whose connection does not stay as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._wire import headers, parts
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import EchoClient, calling
from tests.functional.raw_nats import RawMessage, raw_nats
from tests.functional.raw_streams import INSTANCE, RawInstance
from tests.functional.streams import code_of

pytestmark = pytest.mark.anyio

_FIRST = 1_000
"""Bytes in the first part of the response."""

ANSWER = StringValue(value="y" * 2_500)


@asynccontextmanager
async def called(nats: EmbeddedNats) -> AsyncIterator[tuple[RawInstance, EchoClient]]:
    """An instance that is a bare socket, and a client."""
    async with raw_nats(nats.url) as raw, calling(nats.url) as client:
        instance = RawInstance(raw)
        await instance.serve("say")
        yield instance, client


def part(total: int, offset: int) -> bytes:
    """The header block of a part, or of the answer that asks for more."""
    lines = {parts.INSTANCE: INSTANCE, parts.PART: parts.encode_part(total, offset)}
    return headers.encode(lines)


def answer(instance: RawInstance, request: RawMessage, block: bytes, body: bytes = b"") -> None:
    """Answers one request of several that make a call."""
    instance.raw.publish(request.reply, body, headers=block)


async def test_a_connection_that_drains_sends_the_rest_of_a_request(nats: EmbeddedNats) -> None:
    request = StringValue(value="x" * 2_500_000)
    total = request.ByteSize()
    async with called(nats) as (instance, client):
        call = asyncio.create_task(client.say(request))
        message = await instance.take()
        drain = asyncio.create_task(client._connection.drain())
        await asyncio.sleep(0)
        received = message.body
        while len(received) < total:
            answer(instance, message, part(total, len(received)))
            message = await instance.raw.receive()
            assert message.subject == f"svc.echo.v1._i.{INSTANCE}.{instance.call}"
            received += message.body
        answer(instance, message, b"", ANSWER.SerializeToString())
        assert StringValue.FromString(received) == request
        assert await call == ANSWER
        await drain


async def test_a_connection_that_drains_fetches_the_rest_of_a_response(nats: EmbeddedNats) -> None:
    content = ANSWER.SerializeToString()
    async with called(nats) as (instance, client):
        call = asyncio.create_task(client.say(StringValue(value="x")))
        request = await instance.take()
        drain = asyncio.create_task(client._connection.drain())
        await asyncio.sleep(0)
        for offset in range(0, len(content), _FIRST):
            if offset:
                request = await instance.raw.receive()
                assert request.subject == f"svc.echo.v1._i.{INSTANCE}.{instance.call}"
            block = part(len(content), offset)
            answer(instance, request, block, content[offset : offset + _FIRST])
        assert await call == ANSWER
        await drain


async def test_a_call_whose_response_cannot_be_fetched_was_handled(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with called(nats) as (instance, client):
        _refuse_to_follow_up(client, monkeypatch)
        call = asyncio.create_task(client.say(StringValue(value="x")))
        request = await instance.take()
        content = ANSWER.SerializeToString()
        answer(instance, request, part(len(content), 0), content[:_FIRST])
        with pytest.raises(StatusError, match="no room") as error:
            await call
        assert not error.value.unhandled
        assert await instance.cancellation() == f"01-{instance.call}-00000000"


async def test_a_request_that_cannot_be_sent_to_its_end_is_cancelled(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with called(nats) as (instance, client):
        _refuse_to_follow_up(client, monkeypatch)
        request = StringValue(value="x" * 1_500_000)
        call = asyncio.create_task(code_of(client.say(request)))
        first = await instance.take()
        answer(instance, first, part(request.ByteSize(), len(first.body)))
        cancelled = instance.call
        assert await instance.cancellation() == f"01-{cancelled}-00000000"
        call.cancel()
        await asyncio.wait((call,))


def _refuse_to_follow_up(client: EchoClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the buffer of the connection were full whenever more of a message is to be sent."""
    transport = client._connection._transport
    send = transport.send

    def refuse(subject: str, reply: str, block: bytes, body: bytes) -> None:
        if "._i." in subject:
            raise StatusError(Code.RESOURCE_EXHAUSTED, "no room")
        send(subject, reply, block, body)

    monkeypatch.setattr(transport, "send", refuse)
