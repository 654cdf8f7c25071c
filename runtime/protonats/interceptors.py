"""Code around every call of a client or a server: logging, authorization, quotas.

An interceptor overrides the kinds of calls that it cares about; the others pass through. The first
of a sequence is the outermost: it sees the call first and the answer last. `proceed` goes on with
the call, and may be called again, or not at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.message import Message

from protonats._info import MethodInfo
from protonats.call_info import CallInfo
from protonats.server import CallContext

__all__ = [
    "CallBidiStream",
    "CallClientStream",
    "CallServerStream",
    "CallUnary",
    "ClientInterceptor",
    "OutgoingCall",
    "ServeBidiStream",
    "ServeClientStream",
    "ServeServerStream",
    "ServeUnary",
    "ServerInterceptor",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingCall:
    """A call that a client is about to make; `dataclasses.replace` makes a changed one."""

    method: MethodInfo[Any, Any]
    """The method that is called."""

    timeout: float | None
    """Seconds that the call may take; None: no bound but an inherited deadline."""

    metadata: Mapping[str, str]
    """What travels with the request."""

    idempotency_key: str | None
    """Calls with the same key are the same call."""

    info: CallInfo | None = None
    """Where the caller wants to read what it can learn besides the response."""


CallUnary: TypeAlias = Callable[[Message, OutgoingCall], Awaitable[Message]]
CallServerStream: TypeAlias = Callable[[Message, OutgoingCall], AsyncIterator[Message]]
CallClientStream: TypeAlias = Callable[[AsyncIterable[Message], OutgoingCall], Awaitable[Message]]
CallBidiStream: TypeAlias = Callable[[AsyncIterable[Message], OutgoingCall], AsyncIterator[Message]]

ServeUnary: TypeAlias = Callable[[Message, CallContext], Awaitable[Message]]
ServeServerStream: TypeAlias = Callable[[Message, CallContext], AsyncIterator[Message]]
ServeClientStream: TypeAlias = Callable[[AsyncIterator[Message], CallContext], Awaitable[Message]]
ServeBidiStream: TypeAlias = Callable[[AsyncIterator[Message], CallContext], AsyncIterator[Message]]


class ClientInterceptor:
    """Sees the calls that a client makes, retries and hedges of one call as one."""

    async def unary(self, request: Message, call: OutgoingCall, proceed: CallUnary) -> Message:
        """Around a call with one request and one response."""
        return await proceed(request, call)

    def server_stream(
        self, request: Message, call: OutgoingCall, proceed: CallServerStream
    ) -> AsyncIterator[Message]:
        """Around a call with one request and many responses."""
        return proceed(request, call)

    async def client_stream(
        self, requests: AsyncIterable[Message], call: OutgoingCall, proceed: CallClientStream
    ) -> Message:
        """Around a call with many requests and one response."""
        return await proceed(requests, call)

    def bidi_stream(
        self, requests: AsyncIterable[Message], call: OutgoingCall, proceed: CallBidiStream
    ) -> AsyncIterator[Message]:
        """Around a call with many requests and many responses."""
        return proceed(requests, call)


class ServerInterceptor:
    """Sees the calls that a server handles, once their request is read and found valid."""

    async def unary(self, request: Message, context: CallContext, proceed: ServeUnary) -> Message:
        """Around a call with one request and one response."""
        return await proceed(request, context)

    def server_stream(
        self, request: Message, context: CallContext, proceed: ServeServerStream
    ) -> AsyncIterator[Message]:
        """Around a call with one request and many responses."""
        return proceed(request, context)

    async def client_stream(
        self, requests: AsyncIterator[Message], context: CallContext, proceed: ServeClientStream
    ) -> Message:
        """Around a call with many requests and one response."""
        return await proceed(requests, context)

    def bidi_stream(
        self, requests: AsyncIterator[Message], context: CallContext, proceed: ServeBidiStream
    ) -> AsyncIterator[Message]:
        """Around a call with many requests and many responses."""
        return proceed(requests, context)
