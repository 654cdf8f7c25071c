"""OpenTelemetry for calls and events: spans, and metrics; needs the extra `protonats[otel]`.

Nothing of OpenTelemetry is loaded before `instrument` is called, or `PROTONATS_OTEL` is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protonats._telemetry.switch import switch_on
from protonats.connection import Connection

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from protonats.application import Application

__all__ = ["instrument"]


def instrument(
    target: Connection | Application,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    sample_ratio: float = 1.0,
) -> None:
    """Traces the calls and events of a connection, and exports what it counts.

        async with protonats.Application() as application:
            telemetry.instrument(application, sample_ratio=0.01)

    A span that the application has open becomes the parent of its calls and events; inside of a
    handler the current span is that of the call. Calls and events that belong to a trace do what
    their parent does: `sample_ratio` is about those that begin one. What is not sampled costs no
    span object, whatever the provider's own sampler would say. Give all processes the same ratio:
    about a call of no trace an instance with a higher one than its caller decides anew.

    The metrics are those of the Prometheus endpoint, read when they are exported. Times are
    exported as a sum: OpenTelemetry has no histogram that is filled by somebody else.

    Args:
        target: A connection, or an application that is entered.
        tracer_provider: What makes the spans; the global provider by default.
        meter_provider: What reads the metrics; the global provider by default.
        sample_ratio: The share of the traces begun here that are recorded, 0 to 1.

    Raises:
        ConfigurationError: OpenTelemetry is not installed, or the connection is instrumented
            already.
        ValueError: The ratio is not between 0 and 1.
    """
    connection = target if isinstance(target, Connection) else target.connection
    switch_on(connection, sample_ratio, tracer_provider, meter_provider)
