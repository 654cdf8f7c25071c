"""What generated servers are made of, and what their handlers are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from google.protobuf.message import Message

from protonats._info import MethodInfo, ServiceInfo

__all__ = ["CallContext", "Server"]


class Server:
    """The base of generated servers: an object with one coroutine method per method of the service.

    A handler returns the response, or raises `StatusError` to answer with a status. Any other
    exception is logged, and answered INTERNAL with an error id and nothing else. Handlers run
    concurrently, each in a task that is cancelled when the deadline passes. A server that is an
    async context manager is entered before the first call and left after the last.
    """

    __protonats__: ClassVar[ServiceInfo]


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a handler knows about the call, besides the request."""

    method: MethodInfo[Message, Message]
    """The method that is called."""

    call_id: str
    """The id of the call on both sides, for logs: 32 hexadecimal digits."""

    metadata: Mapping[str, str]
    """The metadata of the request."""

    idempotency_key: str | None
    """Calls of one caller with the same key are the same call."""

    trace: str | None
    """The caller's trace context, as in the header `traceparent`."""

    deadline: float
    """When the handler is cancelled, in the event loop's time."""

    response_metadata: dict[str, str] = field(default_factory=dict)
    """What travels with the response. Of a stream, what is here before the first message is sent
    travels ahead of it."""

    trailers: dict[str, str] = field(default_factory=dict)
    """What travels with the end of the call, also of one that fails. A unary call ends with its
    response."""

    def remaining(self) -> float:
        """Seconds until the deadline; 0 if it has passed."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())
