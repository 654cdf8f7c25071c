"""Switches OpenTelemetry on for one connection."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from protonats._telemetry.counters import Counters
from protonats._version import __version__
from protonats.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from protonats._telemetry.tracing import Tracing


class Traceable(Protocol):
    """A connection, as far as telemetry sees it."""

    telemetry: Tracing | None

    @property
    def metrics(self) -> Counters:
        """What was counted on it."""
        ...


def switch_on(
    connection: Traceable,
    sample_ratio: float,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Traces calls and events, and exports the counters; arguments and errors are those of
    `protonats.telemetry.instrument`."""
    if not 0 <= sample_ratio <= 1:
        raise ValueError(f"sample_ratio is {sample_ratio:g}: write a number from 0 to 1")
    if find_spec("opentelemetry") is None:
        raise ConfigurationError(
            "OpenTelemetry is not installed: install protonats[otel], and an SDK with an exporter"
        )
    if connection.telemetry is not None:
        raise ConfigurationError(
            "the connection is instrumented already: call instrument once, or set PROTONATS_OTEL"
        )
    from opentelemetry import metrics, trace

    from protonats._telemetry.meters import export
    from protonats._telemetry.tracing import Tracing

    tracer = trace.get_tracer("protonats", __version__, tracer_provider)
    export(connection.metrics, metrics.get_meter("protonats", __version__, meter_provider))
    connection.telemetry = Tracing(tracer, sample_ratio)
