"""Spans that a test can look at, of connections that it instruments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from protonats import Connection, telemetry
from tests.functional.echo import eventually


class Spans:
    """What ended, on all connections that were instrumented with it."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def tracer(self) -> Tracer:
        """What an application makes its own spans with."""
        return self.provider.get_tracer("application")

    @property
    def all(self) -> Sequence[ReadableSpan]:
        """Those that have ended, in this order."""
        return self._exporter.get_finished_spans()

    def watch(self, *connections: Connection, **options: Any) -> None:
        """Instruments connections."""
        for connection in connections:
            telemetry.instrument(connection, tracer_provider=self.provider, **options)

    async def arrived(self, count: int) -> Sequence[ReadableSpan]:
        """All spans, once there are as many as this; more are an error."""
        await eventually(lambda: len(self.all) >= count)
        assert len(self.all) == count, [span.name for span in self.all]
        return self.all

    def one(self, kind: SpanKind, name: str = "") -> ReadableSpan:
        """The only span of a kind whose name begins so."""
        (found,) = [span for span in self.all if span.kind is kind and span.name.startswith(name)]
        return found


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """What a span says."""
    return span.attributes or {}


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether a span is the child of another one, in the same trace."""
    context, above = span.parent, parent.context
    assert context is not None
    assert above is not None
    return (context.trace_id, context.span_id) == (above.trace_id, above.span_id)
