"""The metrics in the text format that Prometheus scrapes; loaded at the first scrape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from protonats._telemetry.counters import Counters
from protonats._telemetry.families import METHOD, SIDES, calls, families

_HISTOGRAMS: Final = {
    "server": "protonats_server_handling_seconds",
    "client": "protonats_client_seconds",
}


class Exporter:
    """Reads the counters of one connection when it is scraped."""

    def __init__(self, metrics: Counters) -> None:
        self._metrics = metrics
        self._families = tuple(families())
        self._connected: bool | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def render(self, connected: bool | None) -> bytes:
        """The text; `connected` is whether the connection stands, None leaves that out."""
        self._connected = connected
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment; `prometheus_client` calls it."""
        for family in self._families:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = kind(f"protonats_{family.name}", family.text, labels=family.labels)
            for values, number in family.read(self._metrics):
                metric.add_metric(values, number)
            yield metric
        for side in SIDES:
            text = f"Seconds per call on the {side}'s side."
            histogram = HistogramMetricFamily(_HISTOGRAMS[side], text, labels=METHOD)
            for key, item in calls(self._metrics, side).items():
                histogram.add_metric(key, item.cumulative(), item.seconds)
            yield histogram
        if self._connected is not None:
            text = "Whether the connection to NATS stands."
            yield GaugeMetricFamily("protonats_connected", text, value=float(self._connected))
