"""Services for processes that a test starts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats import _codegen
from protonats.interceptors import ServerInterceptor, ServeUnary
from tests.functional.game import Game, GameServiceMethods, GameServiceServer, until

_ECHO = GameServiceMethods.echo


class Echo(Game):
    """Serves calls alone."""

    __protonats__: ClassVar = _codegen.ServiceInfo(
        name="echo",
        full_name="echo.v1.EchoService",
        domain="game",
        version="1.0.0",
        description="Echoes.",
        methods=(GameServiceMethods.echo,),
    )


class Slow(Echo):
    """Answers a call when the file `<request>.go` exists; says so in `<request>.begun`."""

    async def echo(self, request: StringValue, context: protonats.CallContext) -> StringValue:
        await asyncio.to_thread(Path(f"{request.value}.begun").touch)
        await until(Path(f"{request.value}.go").exists)
        return request


class Stuck(Game):
    """Never ends with an event; writes its key to `events` in the working directory."""

    async def on_won(self, event: StringValue, context: protonats.EventContext) -> None:
        await asyncio.to_thread(Path("events").write_text, event.value)
        await asyncio.Event().wait()


class NeedsRedis(Echo):
    def __init__(self, application: protonats.Application) -> None:
        super().__init__()
        self.redis = application.redis


class Keyed(Echo):
    """Has methods that ask for Redis."""

    __protonats__: ClassVar = replace(
        Echo.__protonats__,
        methods=(
            replace(_ECHO, name="Pay", idempotency=_codegen.IdempotencyInfo()),
            replace(_ECHO, name="Try", idempotency=_codegen.IdempotencyInfo(fail_open=True)),
            replace(_ECHO, name="Look", cache=_codegen.CacheInfo(ttl=1.0)),
        ),
    )


class Outer(ServerInterceptor):
    """Notes that it saw a call."""

    async def unary(
        self, request: Message, context: protonats.CallContext, proceed: ServeUnary
    ) -> Message:
        response = await proceed(request, context)
        assert isinstance(response, StringValue)
        return StringValue(value=f"outer {response.value}")


class Inner(ServerInterceptor):
    """Knows the application."""

    def __init__(self, application: protonats.Application) -> None:
        self.name = application.connection.name

    async def unary(
        self, request: Message, context: protonats.CallContext, proceed: ServeUnary
    ) -> Message:
        response = await proceed(request, context)
        assert isinstance(response, StringValue)
        return StringValue(value=f"inner of {self.name} {response.value}")


class Broken(Echo):
    def __init__(self) -> None:
        raise RuntimeError("no idea")


class Demanding(Echo):
    def __init__(self, application: protonats.Application, more: object) -> None:
        super().__init__()


class Unfinished(GameServiceServer):
    pass


NOTHING = None
