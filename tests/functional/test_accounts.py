"""Calls from one NATS account to a service in another: section 13 of the wire protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.instance import Instance
from protonats._streaming.stream import Stream
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, eventually

pytestmark = pytest.mark.anyio

# The unary methods as `singleton`, the streaming ones as `stream` with a threshold that keepalives
# stay below.
CONFIG = """
max_payload: 256KB
accounts {
  SERVICES {
    users: [{user: echo, password: echo}]
    exports: [
      {service: "svc.echo.v1.say", response_type: singleton}
      {service: "svc.echo.v1.room.*", response_type: singleton}
      {service: "svc.echo.v1.watch", response_type: stream, response_threshold: "1s"}
      {service: "svc.echo.v1.ingest", response_type: stream, response_threshold: "1s"}
      {service: "svc.echo.v1.chat", response_type: stream, response_threshold: "1s"}
      {service: "svc.echo.v1._i.*.*", response_type: singleton}
      {service: "svc.echo.v1._cancel", response_type: singleton}
    ]
  }
  GATEWAY {
    users: [{user: gateway, password: gateway}]
    imports: [
      {service: {account: SERVICES, subject: "svc.echo.v1.say"}}
      {service: {account: SERVICES, subject: "svc.echo.v1.room.*"}}
      {service: {account: SERVICES, subject: "svc.echo.v1.watch"}}
      {service: {account: SERVICES, subject: "svc.echo.v1.ingest"}}
      {service: {account: SERVICES, subject: "svc.echo.v1.chat"}}
      {service: {account: SERVICES, subject: "svc.echo.v1._i.*.*"}}
      {service: {account: SERVICES, subject: "svc.echo.v1._cancel"}}
    ]
  }
}
"""
THRESHOLD = 1.0
KEEPALIVE = 0.25


@pytest.fixture(scope="module")
def bordered() -> Iterator[EmbeddedNats]:
    """A server with two accounts."""
    with EmbeddedNats(config=CONFIG) as server:
        yield server


class Streaming(Echo):
    """Streams words back, and notes which handlers were cancelled."""

    def __init__(self) -> None:
        super().__init__(self.answer)
        self.cancelled: list[str] = []
        self.go_on = asyncio.Event()

    async def answer(self, request: StringValue, context: CallContext) -> StringValue:
        if request.value == "large":
            return StringValue(value="x" * (16 * 1024 * 1024))
        if request.value == "wait":
            await self.wait("say")
        return request

    async def watch(self, request: StringValue, context: CallContext) -> AsyncIterator[StringValue]:
        for number in range(3000):
            yield StringValue(value=f"{request.value} {number}")
        if request.value == "pause":
            await self.go_on.wait()
            yield StringValue(value="after the pause")
        if request.value == "wait":
            await self.wait("watch")

    async def ingest(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> StringValue:
        return StringValue(value=str(len([request async for request in requests])))

    async def chat(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield StringValue(value=request.value.upper())

    async def wait(self, name: str) -> None:
        """Waits until it is cancelled."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise


@asynccontextmanager
async def across(server: EmbeddedNats) -> AsyncIterator[tuple[Streaming, EchoClient]]:
    """A service in one account, and a client of it in the other."""
    streaming = Streaming()
    async with (
        await connect(settings(server, "echo")) as serving,
        await connect(settings(server, "gateway")) as calling,
    ):
        instance = Instance(serving, streaming)
        await instance.start()
        try:
            yield streaming, EchoClient(calling)
        finally:
            await instance.drain(grace=5.0)


def settings(server: EmbeddedNats, user: str) -> ConnectionSettings:
    """How a user connects."""
    url = server.url.replace("://", f"://{user}:{user}@")
    return ConnectionSettings(servers=(url,), name=user, keepalive_interval=KEEPALIVE)


async def words(*values: str) -> AsyncIterator[StringValue]:
    for value in values:
        yield StringValue(value=value)


async def test_unary_calls_cross_the_border(bordered: EmbeddedNats) -> None:
    async with across(bordered) as (_, client):
        assert (await client.say(StringValue(value="hi"))).value == "hi"


async def test_a_response_of_16_mib_crosses_the_border(bordered: EmbeddedNats) -> None:
    async with across(bordered) as (_, client):
        answer = await client.say(StringValue(value="large"), timeout=30.0)
        assert len(answer.value) == 16 * 1024 * 1024


async def test_a_large_request_crosses_the_border(bordered: EmbeddedNats) -> None:
    async with across(bordered) as (_, client):
        request = StringValue(value="y" * 2_000_000)
        assert await client.say(request, timeout=30.0) == request


async def test_all_kinds_of_streams_cross_the_border(bordered: EmbeddedNats) -> None:
    async with across(bordered) as (_, client):
        watched = [answer.value async for answer in client.watch(StringValue(value="a"))]
        assert watched == [f"a {number}" for number in range(3000)]
        assert (await client.ingest(words(*"abc"))).value == "3"
        assert [answer.value async for answer in client.chat(words("x", "y"))] == ["X", "Y"]


async def test_keepalives_hold_the_border_open(bordered: EmbeddedNats) -> None:
    async with across(bordered) as (streaming, client):
        loop = asyncio.get_running_loop()
        answers = client.watch(StringValue(value="pause"))
        for _ in range(3000):
            await anext(answers)
        [stream] = client._connection._streams._streams
        assert isinstance(stream, Stream)
        # Signs of life, and nothing else, for longer than the border lets a stream be silent.
        end = loop.time() + 2 * THRESHOLD
        await eventually(lambda: stream._heard_at > end)
        streaming.go_on.set()
        assert [answer.value async for answer in answers] == ["after the pause"]


async def test_cancellation_crosses_the_border(bordered: EmbeddedNats) -> None:
    async with across(bordered) as (streaming, client):
        call = asyncio.create_task(client.say(StringValue(value="wait")))
        await eventually(lambda: bool(streaming.contexts))
        call.cancel()
        await eventually(lambda: streaming.cancelled == ["say"])
        async for answer in client.watch(StringValue(value="wait")):
            if answer.value == "wait 2999":
                break
        await eventually(lambda: streaming.cancelled == ["say", "watch"])


async def test_what_is_not_imported_is_not_reached(bordered: EmbeddedNats) -> None:
    async with across(bordered) as (_, client):
        with pytest.raises(StatusError) as raised:
            await client.room(StringValue(value="a.b"))
        assert raised.value.code is Code.INVALID_ARGUMENT
