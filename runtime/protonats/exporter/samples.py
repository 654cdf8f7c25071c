"""Numbers with a name and labels, and the text format in which Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest

__all__ = ["TEXTS", "Sample", "render"]

TEXTS: Final = {
    "protonats_platform_node_up": "Whether a NATS server serves clients.",
    "protonats_platform_stream_leaderless": "Whether no server knows a leader of the stream.",
    "protonats_platform_drift": "Whether JetStream differs from the plan, by what and how.",
    "protonats_platform_dead_letters": "Messages that wait in dead letters.",
    "protonats_platform_service_instances": "Instances of the service that answer discovery.",
    "protonats_platform_requests_per_task": "Calls a second of each instance of the service.",
    "protonats_platform_queue_per_task": "Events that wait for each instance of the service.",
    "protonats_platform_certificate_expiry_timestamp_seconds": (
        "When the certificate of a NATS server ends, in Unix time."
    ),
    "protonats_platform_advisories_total": "What JetStream told of streams and consumers.",
    "protonats_exporter_connected": "Whether the connection to NATS stands.",
    "protonats_exporter_source_up": "Whether the source answered in full when it was last asked.",
    "protonats_exporter_errors_total": "Questions that a source did not answer.",
    "protonats_exporter_poll_seconds": "How long the source took to answer.",
    "protonats_exporter_last_poll_timestamp_seconds": "When all sources were last asked.",
}
"""What each metric of our own means."""

_ORIGINS: Final = {
    "gnatsd_": "What a NATS server tells at its monitoring address.",
    "jetstream_": "What a NATS server tells of JetStream at its monitoring address.",
    "redis_": "What a Redis server tells of itself.",
}
_WITH_COUNTERS: Final = ("protonats_", "redis_")
"""Names of which those that end in `_total` are counters; elsewhere all are gauges, as they are
with the exporter that the names come from."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One number."""

    name: str
    """As Prometheus has it, with `_total` where it is a counter."""

    value: float

    labels: Mapping[str, str] = field(default_factory=dict)


def render(samples: Iterable[Sample]) -> bytes:
    """The text that is scraped."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(samples))
    return generate_latest(registry)


class _Collected:
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        """The samples by name; `prometheus_client` calls it."""
        metrics: dict[str, Metric] = {}
        for sample in self._samples:
            metric = metrics.get(sample.name)
            if metric is None:
                metric = metrics[sample.name] = _metric(sample.name)
            metric.add_sample(sample.name, dict(sample.labels), sample.value)
        yield from metrics.values()


def _metric(name: str) -> Metric:
    if name.startswith(_WITH_COUNTERS) and name.endswith("_total"):
        return Metric(name.removesuffix("_total"), _text(name), "counter")
    return Metric(name, _text(name), "gauge")


def _text(name: str) -> str:
    for prefix, text in _ORIGINS.items():
        if name.startswith(prefix):
            return text
    return TEXTS[name]
