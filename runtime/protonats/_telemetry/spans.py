"""What spans are called and what they say: OpenTelemetry's conventions for RPC and messaging.

Sources: semantic conventions 1.45, "RPC spans", "gRPC" (which statuses are errors), "Messaging
spans".
"""

from __future__ import annotations

from contextvars import Token
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    set_span_in_context,
)

from protonats._info import MethodInfo
from protonats._wire import subjects
from protonats._wire.call import Trace
from protonats.errors import Code

SYSTEM: Final = "rpc.system.name"
METHOD: Final = "rpc.method"
STATUS: Final = "rpc.response.status_code"
PROTONATS: Final = "protonats"

_ERROR_TYPE: Final = "error.type"

_SERVER_ERRORS: Final = frozenset(
    {
        Code.UNKNOWN,
        Code.DEADLINE_EXCEEDED,
        Code.UNIMPLEMENTED,
        Code.INTERNAL,
        Code.UNAVAILABLE,
        Code.DATA_LOSS,
    }
)
"""Statuses that are a fault of the service; to a caller every status is an error."""


def call_attributes(method: MethodInfo[Any, Any]) -> dict[str, str]:
    """What all spans of a method's calls say."""
    return {
        SYSTEM: PROTONATS,
        METHOD: f"{method.service}/{method.name}",
        "server.address": subjects.service_prefix(method.subject).removesuffix("."),
    }


def event_attributes(operation: str, kind: str, subject: str, event: str) -> dict[str, str]:
    """What all spans of an event say.

    Args:
        operation: What is done, `publish` or `process`.
        kind: The same in the words of the conventions, `send` or `process`.
        subject: Where the event goes, or came from.
        event: The full name of its message.
    """
    return {
        "messaging.system": "nats",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": subject,
        "protonats.event": event,
    }


def trace_of(context: SpanContext) -> Trace:
    """The context of a span as it travels."""
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags)


class LiveSpan:
    """A span that has not ended.

    Attributes:
        span: The span of OpenTelemetry.
    """

    __slots__ = ("_before", "_errors", "span")

    def __init__(self, span: Span, kind: SpanKind) -> None:
        self.span = span
        self._errors = _SERVER_ERRORS if kind is SpanKind.SERVER else None
        self._before: Token[otel_context.Context] | None = None

    def make_current(self) -> None:
        """Makes it the current span of the running task, until it ends."""
        self._before = otel_context.attach(set_span_in_context(self.span))

    @property
    def trace(self) -> Trace:
        """Its context, as it travels."""
        return trace_of(self.span.get_span_context())

    def end(self, code: int, text: str = "") -> None:
        """Ends it with the status of a call, 0 for success, and what the status says."""
        name = Code(code).name if code else "OK"
        self.span.set_attribute(STATUS, name)
        if code and (self._errors is None or code in self._errors):
            self._fail(name, text)
        self._end()

    def end_stream(self, code: int, text: str, *, sent: int, received: int) -> None:
        """Ends it as `end` does, with how many messages were sent and received."""
        self.span.set_attributes(
            {"protonats.stream.sent": sent, "protonats.stream.received": received}
        )
        self.end(code, text)

    def end_event(self, error: BaseException | None = None) -> None:
        """Ends it with the failure of an event, if there is one."""
        if error is not None:
            code = getattr(error, "code", None)
            name = code.name if isinstance(code, Code) else type(error).__qualname__
            self._fail(name, str(error))
        self._end()

    def end_lookup(self, result: str) -> None:
        """Ends it with what a look into a cache found: `local_hit` in memory, `hit` in Redis or
        computed for somebody else, `miss`."""
        self.span.set_attribute("protonats.cache.result", result)
        self._end()

    def note(self, event: str, reason: str) -> None:
        """Notes an event of the call, such as a retry."""
        self.span.add_event(event, {"protonats.reason": reason})

    def crashed(self, error: BaseException) -> None:
        """Notes an exception that nobody expected."""
        self.span.record_exception(error)

    def _fail(self, kind: str, text: str) -> None:
        self.span.set_attribute(_ERROR_TYPE, kind)
        self.span.set_status(Status(StatusCode.ERROR, text))

    def _end(self) -> None:
        self.span.end()
        if self._before is not None:
            otel_context.detach(self._before)
