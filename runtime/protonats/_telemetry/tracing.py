"""The spans of one connection: which calls and events have one, and whose child it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import getrandbits, random
from typing import Any, Final, Literal, Protocol, TypeVar

from google.protobuf.message import Message
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from protonats import deadline
from protonats._info import EventInfo, MethodInfo
from protonats._telemetry.counters import MethodKey
from protonats._telemetry.spans import METHOD, LiveSpan, call_attributes, event_attributes, trace_of
from protonats._wire.call import CallHeader, CallIds, Trace

_SAMPLED: Final = 1
_RARE: Final = 0.5
"""The ratio above which it takes too long to find a call id that is not sampled."""

_UNSAMPLED: Final = set_span_in_context(
    NonRecordingSpan(SpanContext(getrandbits(128) | 1, getrandbits(64) | 1, False)), Context()
)
"""The context of handlers that are not traced: what they do is not traced either. All have the
same, as nobody sees its ids."""


class Delivery(Protocol):
    """What a span tells about an event."""

    @property
    def subject(self) -> str:
        """What it was published to."""
        ...

    @property
    def event_id(self) -> str:
        """Its id."""
        ...

    @property
    def delivery(self) -> int:
        """How often it has been delivered."""
        ...


DeliveryT = TypeVar("DeliveryT", bound=Delivery)


class Tracing:
    """Traces the calls and events of a connection.

    What begins a trace is sampled by a ratio of its own; what goes on with one does what its parent
    does. Whatever is not sampled has no span object, and says so to the other side.
    """

    def __init__(self, tracer: Tracer, sample_ratio: float) -> None:
        """
        Args:
            tracer: What makes the spans.
            sample_ratio: The share of the traces begun here that are recorded, 0 to 1.
        """
        self._tracer = tracer
        self._ratio = sample_ratio
        self._limit = f"{int(sample_ratio * 0x1_0000_0000):08x}" if sample_ratio < 1 else "g"
        """Above all call ids that are sampled where nothing else decides, as text."""
        self._methods: dict[MethodKey, dict[str, str]] = {}

    def call(self, method: MethodInfo[Any, Any]) -> LiveSpan | None:
        """Begins the span of a unary call, and makes it the current one; None if it has none."""
        return self.begin(method) or None

    def begin(self, method: MethodInfo[Any, Any]) -> LiveSpan | Literal[False] | None:
        """As `call`; False in place of None, if the call is known to belong to no trace, so that
        its requests need not look for one."""
        current = get_current()
        if not current and deadline.current_context() is None:
            if random() >= self._ratio:
                return False
            parent: Context | None = current
        else:
            parent = self._parent()
        if parent is None:
            return None
        live = self._client_span(method, parent)
        if live is not None:
            live.make_current()
        return live

    def stream(self, method: MethodInfo[Any, Any]) -> tuple[LiveSpan | None, Trace]:
        """Begins the span of a stream, if it has one, and tells the context that travels."""
        parent = self._parent()
        live = None if parent is None else self._client_span(method, parent)
        return live, _running() or _unsampled(_random_id()) if live is None else live.trace

    def request(self, call_ids: CallIds) -> tuple[str, Trace | None]:
        """The call id and the trace context of a request.

        A request that is not sampled and belongs to no trace has no context, as a longer header
        would cost more than all the rest, and an id that makes the other side decide so, too. Where
        such ids are rare it has the context of a trace that nobody records.
        """
        trace = _running()
        return self.untraced_request(call_ids) if trace is None else (call_ids.next(), trace)

    def untraced_request(self, call_ids: CallIds) -> tuple[str, Trace | None]:
        """As `request`, of a call that belongs to no trace."""
        call_id = call_ids.next()
        if self._ratio > _RARE:
            return call_id, _unsampled(call_id)
        while call_id < self._limit:
            call_id = call_ids.next()
        return call_id, None

    def note(self, event: str, reason: str) -> None:
        """Notes an event of the running call, such as a retry, in its span."""
        span = get_current_span()
        if span.is_recording():
            span.add_event(event, {"protonats.reason": reason})

    def serve(
        self,
        method: MethodInfo[Any, Any],
        header: CallHeader,
        until: float | None,
        instance_id: str,
    ) -> LiveSpan | None:
        """Makes a call the one that the running task handles, to its end; begins its span if it has
        one.

        Args:
            method: What is called.
            header: The call header.
            until: The deadline.
            instance_id: Who handles it.
        """
        trace, call_id = header.trace, header.call_id
        live = None
        if call_id < self._limit if trace is None else trace.flags & _SAMPLED:
            attributes = self._attributes(method)
            live = self._start(
                attributes[METHOD],
                SpanKind.SERVER,
                _remote(trace),
                {**attributes, "protonats.call_id": call_id, "protonats.instance": instance_id},
            )
        if live is None:
            attach(_UNSAMPLED)
        else:
            attach(set_span_in_context(live.span, Context()))
            trace = live.trace
        deadline.enter(until, trace, call_id)
        return live

    def publish(self, info: EventInfo[Any]) -> LiveSpan | None:
        """Begins the span of an event's publication, and makes it the current one; None if it has
        none."""
        parent = self._parent()
        if parent is None:
            return None
        event = info.message.DESCRIPTOR.full_name
        live = self._start(
            f"publish {info.subject}",
            SpanKind.PRODUCER,
            parent,
            event_attributes("publish", "send", info.subject, event),
        )
        if live is not None:
            live.make_current()
        return live

    def traceparent(self) -> str:
        """The `traceparent` of an event."""
        return (_running() or _unsampled(_random_id())).traceparent

    async def process(
        self,
        handler: Callable[[Message, DeliveryT], Awaitable[None]],
        event: Message,
        context: DeliveryT,
        *,
        pattern: str,
        consumer: str,
        traceparent: str | None,
    ) -> None:
        """Runs the handler of an event, in a span if it has one; raises what the handler raises.

        Args:
            handler: Takes the event.
            event: The event.
            context: What else is known about it.
            pattern: The subjects that it is published to.
            consumer: The durable consumer.
            traceparent: What travelled with it.
        """
        trace = None if traceparent is None else Trace.parse(traceparent)
        token = attach(_UNSAMPLED)
        try:
            live = self._process_span(event, context, pattern, consumer, trace)
            if live is not None:
                live.make_current()
                trace = live.trace
            elif trace is None:
                trace = _unsampled(_random_id())
            try:
                with deadline.scope(None, trace.traceparent):
                    await handler(event, context)
            except BaseException as error:
                if live is not None:
                    live.end_event(error)
                raise
            if live is not None:
                live.end_event()
        finally:
            detach(token)

    def lookup(self, key: MethodKey) -> LiveSpan | None:
        """Begins the span of a look into the cache of a method, and makes it the current one; None
        if the running call has none."""
        if not get_current_span().is_recording():
            return None
        name = "/".join(key)
        live = self._start(
            f"cache {name}", SpanKind.INTERNAL, get_current(), {"protonats.cache.name": name}
        )
        if live is not None:
            live.make_current()
        return live

    def _parent(self) -> Context | None:
        """The context whose child a new span is; None for what is not sampled."""
        current = get_current()
        if current is _UNSAMPLED:
            return None
        if current:
            context = get_current_span(current).get_span_context()
            if context.is_valid:
                return current if context.trace_flags & _SAMPLED else None
        trace = deadline.current_context()
        if trace is None:
            return current if random() < self._ratio else None
        return _remote(trace) if trace.flags & _SAMPLED else None

    def _client_span(self, method: MethodInfo[Any, Any], parent: Context) -> LiveSpan | None:
        attributes = self._attributes(method)
        return self._start(attributes[METHOD], SpanKind.CLIENT, parent, attributes)

    def _process_span(
        self,
        event: Message,
        context: Delivery,
        pattern: str,
        consumer: str,
        trace: Trace | None,
    ) -> LiveSpan | None:
        if random() >= self._ratio if trace is None else not trace.flags & _SAMPLED:
            return None
        name = event.DESCRIPTOR.full_name
        attributes: dict[str, str | int] = {
            **event_attributes("process", "process", context.subject, name),
            "messaging.consumer.group.name": consumer,
            "messaging.message.id": context.event_id,
            "protonats.delivery": context.delivery,
        }
        subject = pattern.removesuffix(".*")
        return self._start(f"process {subject}", SpanKind.CONSUMER, _remote(trace), attributes)

    def _start(
        self, name: str, kind: SpanKind, parent: Context, attributes: Mapping[str, str | int]
    ) -> LiveSpan | None:
        """A new span; None where there is no SDK that makes any."""
        span = self._tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
        return LiveSpan(span, kind) if span.get_span_context().is_valid else None

    def _attributes(self, method: MethodInfo[Any, Any]) -> dict[str, str]:
        attributes = self._methods.get(method.key)
        if attributes is None:
            attributes = self._methods[method.key] = call_attributes(method)
        return attributes


def _running() -> Trace | None:
    """The trace context of what runs; None where it belongs to no trace."""
    current = get_current()
    if current and current is not _UNSAMPLED:
        context = get_current_span(current).get_span_context()
        if context.is_valid:
            return trace_of(context)
    return deadline.current_context()


def _remote(trace: Trace | None) -> Context:
    """A context with nothing but a span of another process."""
    if trace is None:
        return Context()
    context = SpanContext(
        int(trace.trace_id, 16), int(trace.span_id, 16), True, TraceFlags(trace.flags)
    )
    return set_span_in_context(NonRecordingSpan(context), Context())


def _unsampled(trace_id: str) -> Trace:
    """The context of a trace that nobody records."""
    return Trace(trace_id, trace_id[:16], 0)


def _random_id() -> str:
    return f"{getrandbits(128):032x}"
