"""A service for tests, shaped as the generator writes it."""

from __future__ import annotations

import asyncio
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final

from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import StringValue

from protonats._info import MethodInfo, MethodKind, ServiceInfo
from protonats._serving.instance import Instance
from protonats.call_info import CallInfo
from protonats.client import Client
from protonats.connection import Connection, connect
from protonats.interceptors import ClientInterceptor
from protonats.response_stream import ResponseStream
from protonats.server import CallContext, Server
from protonats.settings import ConnectionSettings


class EchoMethods:
    """The methods of acme.echo.v1.EchoService."""

    say: Final = MethodInfo(
        service="acme.echo.v1.EchoService",
        name="Say",
        python_name="say",
        subject="svc.echo.v1.say",
        kind=MethodKind.UNARY,
        request=StringValue,
        response=StringValue,
        timeout=5.0,
    )
    room: Final = MethodInfo(
        service="acme.echo.v1.EchoService",
        name="Room",
        python_name="room",
        subject="svc.echo.v1.room.{value}",
        kind=MethodKind.UNARY,
        request=StringValue,
        response=Struct,
        timeout=5.0,
    )
    watch: Final = MethodInfo(
        service="acme.echo.v1.EchoService",
        name="Watch",
        python_name="watch",
        subject="svc.echo.v1.watch",
        kind=MethodKind.SERVER_STREAM,
        request=StringValue,
        response=StringValue,
        timeout=5.0,
    )
    ingest: Final = MethodInfo(
        service="acme.echo.v1.EchoService",
        name="Ingest",
        python_name="ingest",
        subject="svc.echo.v1.ingest",
        kind=MethodKind.CLIENT_STREAM,
        request=StringValue,
        response=StringValue,
        timeout=5.0,
    )
    chat: Final = MethodInfo(
        service="acme.echo.v1.EchoService",
        name="Chat",
        python_name="chat",
        subject="svc.echo.v1.chat",
        kind=MethodKind.BIDI_STREAM,
        request=StringValue,
        response=StringValue,
        timeout=5.0,
    )


class EchoClient(Client):
    """Calls the echo service."""

    async def say(
        self,
        request: StringValue,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        info: CallInfo | None = None,
    ) -> StringValue:
        return await self._unary(
            EchoMethods.say,
            request,
            timeout=timeout,
            metadata=metadata,
            idempotency_key=idempotency_key,
            info=info,
        )

    async def room(self, request: StringValue, *, timeout: float | None = None) -> Struct:
        return await self._unary(EchoMethods.room, request, timeout=timeout)

    def watch(self, request: StringValue) -> ResponseStream[StringValue]:
        return self._server_stream(EchoMethods.watch, request)

    async def ingest(self, requests: AsyncIterable[StringValue]) -> StringValue:
        return await self._client_stream(EchoMethods.ingest, requests)

    def chat(self, requests: AsyncIterable[StringValue]) -> ResponseStream[StringValue]:
        return self._bidi_stream(EchoMethods.chat, requests)


class EchoServer(Server, ABC):
    """Serves the echo service."""

    __protonats__: ClassVar = ServiceInfo(
        name="echo",
        full_name="acme.echo.v1.EchoService",
        domain="echo",
        version="1.2.0",
        description="Says it again.",
        methods=(
            EchoMethods.say,
            EchoMethods.room,
            EchoMethods.watch,
            EchoMethods.ingest,
            EchoMethods.chat,
        ),
    )

    @abstractmethod
    async def say(self, request: StringValue, context: CallContext) -> StringValue: ...

    @abstractmethod
    async def room(self, request: StringValue, context: CallContext) -> Struct: ...

    @abstractmethod
    def watch(self, request: StringValue, context: CallContext) -> AsyncIterator[StringValue]: ...

    @abstractmethod
    async def ingest(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> StringValue: ...

    @abstractmethod
    def chat(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> AsyncIterator[StringValue]: ...


Say = Callable[[StringValue, CallContext], Awaitable[StringValue]]


async def repeat(request: StringValue, context: CallContext) -> StringValue:
    """The handler that gives its name to the service."""
    return request


class Echo(EchoServer):
    """The echo service with one handler of the test's own, and a record of what it was told."""

    def __init__(self, say: Say = repeat) -> None:
        self.handler = say
        self.contexts: list[CallContext] = []

    async def say(self, request: StringValue, context: CallContext) -> StringValue:
        self.contexts.append(context)
        return await self.handler(request, context)

    async def room(self, request: StringValue, context: CallContext) -> Struct:
        answer = Struct()
        answer.update({"room": request.value})
        return answer

    def watch(self, request: StringValue, context: CallContext) -> AsyncIterator[StringValue]:
        raise AssertionError("this server has no streams")

    async def ingest(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> StringValue:
        raise AssertionError("this server has no streams")

    def chat(
        self, requests: AsyncIterator[StringValue], context: CallContext
    ) -> AsyncIterator[StringValue]:
        raise AssertionError("this server has no streams")


@asynccontextmanager
async def serving(
    url: str, server: EchoServer, *, max_in_flight: int = 1000, **options: Any
) -> AsyncIterator[tuple[Instance, Connection]]:
    """An instance of the service on a connection of its own; options are those of `Instance`."""
    async with await connect(ConnectionSettings(servers=(url,), name="echo")) as connection:
        instance = Instance(connection, server, max_in_flight=max_in_flight, **options)
        await instance.start()
        try:
            yield instance, connection
        finally:
            await instance.drain(grace=5.0)


@asynccontextmanager
async def calling(
    url: str, *, interceptors: Sequence[ClientInterceptor] = ()
) -> AsyncIterator[EchoClient]:
    """A client on a connection of its own."""
    async with await connect(ConnectionSettings(servers=(url,), name="caller")) as connection:
        yield EchoClient(connection, interceptors=interceptors)


async def eventually(condition: Callable[[], bool], *, timeout: float = 5.0) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def freeze(pid: int) -> None:
    """Stops a child process in its tracks, and returns when it stands still."""
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)


def dropped(connection: Connection) -> dict[str, int]:
    """How many messages the connection dropped, by reason."""
    return {
        line.split('"')[1]: int(float(line.rsplit(" ", 1)[1]))
        for line in connection.metrics.render().decode().splitlines()
        if line.startswith("protonats_dropped_total{")
    }
