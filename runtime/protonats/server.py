"""What generated servers are made of, and what their handlers are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from google.protobuf.message import Message

from protonats._info import MethodInfo, ServiceInfo
from protonats._serving.own_metadata import OwnMetadata
from protonats._wire.call import Trace

if TYPE_CHECKING:
    from protonats._wire.idempotency import KeyedRequest

__all__ = ["CallContext", "Server"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Server:
    """The base of generated servers: an object with one method per method of the service.

    A handler of one response is a coroutine that returns it; one of many is an asynchronous
    generator. A handler raises `StatusError` to answer with a status. Any other exception is
    logged, and answered INTERNAL with an error id and nothing else. Handlers run concurrently, each
    in a task that is cancelled when the deadline passes or the caller gives up. A server that is an
    async context manager is entered before the first call and left after the last.
    """

    __protonats__: ClassVar[ServiceInfo]


class CallContext:
    """What a handler knows about the call, besides the request.

    Attributes:
        method: The method that is called.
        call_id: The id of the call on both sides, for logs: 32 hexadecimal digits.
        metadata: The metadata of the request.
        idempotency_key: Calls of one caller with the same key are the same call.
        deadline: When the handler is cancelled, in the event loop's time; None: never.
    """

    __slots__ = (
        "_keyed",
        "_replayed",
        "_response_metadata",
        "_trace",
        "_trailers",
        "call_id",
        "deadline",
        "idempotency_key",
        "metadata",
        "method",
    )

    def __init__(
        self,
        *,
        method: MethodInfo[Message, Message],
        call_id: str,
        metadata: Mapping[str, str] = _NOTHING,
        idempotency_key: str | None = None,
        trace: Trace | str | None = None,
        deadline: float | None = None,
    ) -> None:
        self.method = method
        self.call_id = call_id
        self.metadata = metadata
        self.idempotency_key = idempotency_key
        self._trace = trace
        self.deadline = deadline
        self._response_metadata: OwnMetadata | None = None
        self._trailers: OwnMetadata | None = None
        self._keyed: KeyedRequest | None = None
        self._replayed = False

    @property
    def trace(self) -> str | None:
        """The caller's trace context, as in the header `traceparent`; None if there is none."""
        trace = self._trace
        return trace.traceparent if isinstance(trace, Trace) else trace

    @property
    def response_metadata(self) -> MutableMapping[str, str]:
        """What travels with the response; of a stream, ahead of its first message. Setting a pair
        raises `ValueError` where it cannot travel, and `RuntimeError` where that is too late."""
        if self._response_metadata is None:
            self._response_metadata = OwnMetadata("metadata")
        return self._response_metadata

    @property
    def trailers(self) -> MutableMapping[str, str]:
        """What travels with the end of the call, also of one that fails; a unary call ends with its
        response. Setting a pair raises `ValueError` where it cannot travel."""
        if self._trailers is None:
            self._trailers = OwnMetadata("trailers")
        return self._trailers

    def _response_metadata_left(self) -> None:
        """Takes note that the response has begun: its metadata cannot change any more."""
        if self._response_metadata is None:
            self._response_metadata = OwnMetadata("metadata")
        self._response_metadata.left = True

    def remaining(self) -> float | None:
        """Seconds until the deadline, 0 if it has passed; None without a deadline."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())
