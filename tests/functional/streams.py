"""A service with streams for tests, and the check that nothing of a call is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats._serving.instance import Instance
from protonats.connection import Connection, connect
from protonats.response_stream import ResponseStream
from protonats.server import CallContext
from protonats.settings import ConnectionSettings
from tests.functional.echo import Echo, EchoClient, EchoMethods, eventually

Responses = AsyncIterator[StringValue]
Watch = Callable[[StringValue, CallContext], Responses]
Ingest = Callable[[Responses, CallContext], Awaitable[StringValue]]
Chat = Callable[[Responses, CallContext], Responses]


def text(value: object) -> StringValue:
    """A message."""
    return StringValue(value=str(value))


async def count_up(request: StringValue, context: CallContext) -> Responses:
    """As many messages as the request says."""
    for number in range(int(request.value)):
        yield text(number)


async def join(requests: Responses, context: CallContext) -> StringValue:
    """All requests in one."""
    return text(",".join([request.value async for request in requests]))


async def again(requests: Responses, context: CallContext) -> Responses:
    """Each request again."""
    async for request in requests:
        yield request


async def each(*values: object) -> Responses:
    """These messages."""
    for value in values:
        yield text(value)


async def values(stream: AsyncIterable[StringValue]) -> list[str]:
    """What all messages of a stream hold."""
    return [message.value async for message in stream]


class Streams(Echo):
    """The echo service with a test's own handlers."""

    def __init__(self, watch: Watch = count_up, ingest: Ingest = join, chat: Chat = again) -> None:
        super().__init__()
        self.handlers = (watch, ingest, chat)

    def watch(self, request: StringValue, context: CallContext) -> Responses:
        return self.handlers[0](request, context)

    async def ingest(self, requests: Responses, context: CallContext) -> StringValue:
        return await self.handlers[1](requests, context)

    def chat(self, requests: Responses, context: CallContext) -> Responses:
        return self.handlers[2](requests, context)


@dataclass
class Held:
    """Handlers that answer once and then wait for ever, with a record of their ends."""

    begun: int = 0
    ended: list[str] = field(default_factory=list)

    async def watch(self, request: StringValue, context: CallContext) -> Responses:
        self.begun += 1
        try:
            yield request
            await asyncio.Event().wait()
        finally:
            self.ended.append("watch")

    async def ingest(self, requests: Responses, context: CallContext) -> StringValue:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append("ingest")
        return text("")

    async def chat(self, requests: Responses, context: CallContext) -> Responses:
        self.begun += 1
        try:
            async for request in requests:
                yield request
            await asyncio.Event().wait()
        finally:
            self.ended.append("chat")

    def server(self) -> Streams:
        """A server of these handlers."""
        return Streams(self.watch, self.ingest, self.chat)


class StreamClient(EchoClient):
    """Calls the streams of the echo service."""

    def watch(self, request: StringValue, **options: Any) -> ResponseStream[StringValue]:
        return self._server_stream(EchoMethods.watch, request, **options)

    async def ingest(self, requests: AsyncIterable[StringValue], **options: Any) -> StringValue:
        return await self._client_stream(EchoMethods.ingest, requests, **options)

    def chat(
        self, requests: AsyncIterable[StringValue], **options: Any
    ) -> ResponseStream[StringValue]:
        return self._bidi_stream(EchoMethods.chat, requests, **options)


class Pair:
    """An instance and a client, each on a connection of its own."""

    def __init__(self, instance: Instance, server: Connection, client: StreamClient) -> None:
        self.instance = instance
        self.server = server
        self.client = client
        self.connections = (server, client._connection)

    def rows(self, name: str) -> list[str]:
        """The lines of both sides' metrics that begin with a name, without the labels' names."""
        text = "".join(connection.metrics.render().decode() for connection in self.connections)
        return [line for line in text.splitlines() if line.startswith(name)]

    def left(self) -> Mapping[str, int]:
        """What is left of calls."""
        serving = self.instance._serving
        counts = {
            "calls of the instance": self.instance.in_flight,
            "follow-ups": len(serving.follow_ups._calls),
            "cancellations": len(serving.cancellations._calls),
        }
        for connection in self.connections:
            counts[f"streams of {connection.name}"] = len(connection._streams)
            counts[f"calls of {connection.name}"] = len(connection._calls)
        return {name: count for name, count in counts.items() if count}


@asynccontextmanager
async def pair(url: str, server: Streams, **settings: Any) -> AsyncIterator[Pair]:
    """An instance and a client with these connection settings; at the end, nothing of any call may
    be left: no task, timer or entry in a table."""
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(
                await connect(ConnectionSettings(servers=(url,), name=name, **settings))
            )
            for name in ("echo", "caller")
        ]
        instance = Instance(connections[0], server)
        await instance.start()
        before = asyncio.all_tasks()
        pair = Pair(instance, connections[0], StreamClient(connections[1]))
        try:
            yield pair
            await eventually(lambda: not pair.left())
            await eventually(lambda: not _begun_since(before))
        finally:
            await instance.drain(grace=0.1)


def _begun_since(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Tasks of calls that were begun since then."""
    return {task for task in asyncio.all_tasks() - before if _is_of_a_call(task)}


def _is_of_a_call(task: asyncio.Task[Any]) -> bool:
    file = cast(Any, task.get_coro()).cr_code.co_filename
    return "/protonats/" in file and "/_transport/" not in file


async def code_of(awaitable: Awaitable[Any]) -> tuple[protonats.Code, str]:
    """The status that a call fails with."""
    try:
        result = await awaitable
    except protonats.StatusError as error:
        return error.code, error.message
    raise AssertionError(f"the call succeeded: {result}")
