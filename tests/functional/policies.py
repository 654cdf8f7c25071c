"""Echo services whose method has policies of a test's own, and requests to it as bytes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from google.protobuf.wrappers_pb2 import StringValue

from protonats._wire import headers, status
from protonats.errors import StatusError
from protonats.server import CallContext
from tests.functional.echo import Echo, EchoMethods, EchoServer, Say, repeat
from tests.functional.raw_nats import RawNats, raw_nats


def echo_with(handler: Say = repeat, **policies: Any) -> Echo:
    """An echo service whose method `Say` has other policies than usual."""

    class Service(Echo):
        __protonats__: ClassVar = replace(
            EchoServer.__protonats__, methods=(replace(EchoMethods.say, **policies),)
        )

    return Service(handler)


class Gate:
    """A handler that waits until it is let through, and remembers what it saw."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.begun: list[str] = []
        self.running = 0
        self.most = 0
        self.cancelled = 0

    async def __call__(self, request: StringValue, context: CallContext) -> StringValue:
        self.begun.append(request.value)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return request


@dataclass
class Answer:
    """What came back."""

    lines: dict[str, str]
    body: bytes

    @property
    def error(self) -> StatusError:
        """The status."""
        return status.decode(self.lines, self.body)

    @property
    def value(self) -> str:
        """The text of a success."""
        assert headers.ERROR_CODE not in self.lines, self.error
        return StringValue.FromString(self.body).value


class RawCaller:
    """Calls `Say` with bytes; make it with `raw_caller`."""

    def __init__(self, raw: RawNats) -> None:
        self._raw = raw
        self._answers: dict[str, Answer] = {}

    def send(self, value: str, *, call_id: str = "", remaining_ms: int = 5000, **lines: str) -> str:
        """Sends a request, and returns its call id."""
        call_id = call_id or secrets.token_hex(16)
        named = {name.replace("_", "-"): text for name, text in lines.items()}
        block = headers.encode({headers.CALL: f"01-{call_id}-{remaining_ms:08x}", **named})
        body = StringValue(value=value).SerializeToString()
        reply = f"_INBOX.raw.1.{call_id}"
        self._raw.publish("svc.echo.v1.say", body, reply=reply, headers=block)
        return call_id

    def cancel(self, call_id: str) -> None:
        """Gives up a call."""
        block = headers.encode({headers.CALL: f"01-{call_id}-00000000"})
        self._raw.publish("svc.echo.v1._cancel", b"", headers=block)

    async def answer(self, call_id: str) -> Answer:
        """The answer to a call."""
        while call_id not in self._answers:
            message = await self._raw.receive()
            lines = headers.decode(message.headers).lines
            self._answers[message.subject.rpartition(".")[2]] = Answer(lines, message.body)
        return self._answers[call_id]

    async def call(self, value: str, **options: Any) -> Answer:
        """Sends a request, and returns its answer."""
        return await self.answer(self.send(value, **options))


@asynccontextmanager
async def raw_caller(url: str) -> AsyncIterator[RawCaller]:
    """A caller on a connection of its own."""
    async with raw_nats(url) as raw:
        await raw.subscribe("_INBOX.raw.1.*")
        yield RawCaller(raw)
