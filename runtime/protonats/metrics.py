"""What a process counts about its calls and events, and the text that Prometheus scrapes.

The hot path adds to plain integers. `prometheus_client` is loaded at the first scrape and sees the
numbers only then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from protonats.errors import Code

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

__all__ = ["BUCKETS", "Metrics"]

# fmt: off
BUCKETS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)
# fmt: on
"""Upper bounds of the histograms' buckets, in seconds."""

MethodKey: TypeAlias = tuple[str, str]
"""The full name of a service, and the name of one of its methods."""


LabelsT = TypeVar("LabelsT", bound=tuple[str, ...])


class _Calls:
    """The calls of one method, on one side."""

    __slots__ = ("buckets", "codes", "handled", "seconds", "started")

    def __init__(self) -> None:
        self.started = 0
        self.handled = 0
        self.seconds = 0.0
        self.codes: dict[int, int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)

    def finish(self, code: int, seconds: float) -> None:
        self.handled += 1
        self.seconds += seconds
        self.codes[code] = self.codes.get(code, 0) + 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1

    def cumulative(self) -> list[tuple[str, float]]:
        """The buckets as Prometheus wants them: each holds all that lie below it."""
        total = 0
        pairs: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self.buckets, strict=True):
            total += count
            pairs.append((bound, float(total)))
        return pairs


class Metrics:
    """The counters of one connection."""

    def __init__(self) -> None:
        self._server: dict[MethodKey, _Calls] = {}
        self._client: dict[MethodKey, _Calls] = {}
        self._dropped: dict[str, int] = {}
        self._published: dict[tuple[str, str], int] = {}
        self._events: dict[tuple[str, str, str], int] = {}
        self._dead_lettered: dict[str, int] = {}
        self._connected: bool | None = None
        self._registry: CollectorRegistry | None = None

    def server_started(self, key: MethodKey) -> None:
        """Counts a call that a handler takes on."""
        _calls(self._server, key).started += 1

    def server_handled(self, key: MethodKey, code: int, seconds: float) -> None:
        """Counts an answered call: its status, 0 for success, and how many seconds it took."""
        _calls(self._server, key).finish(code, seconds)

    def client_started(self, key: MethodKey) -> None:
        """Counts a call that this process makes."""
        _calls(self._client, key).started += 1

    def client_handled(self, key: MethodKey, code: int, seconds: float) -> None:
        """Counts the end of a call made by this process: its status, 0 for success, and seconds."""
        _calls(self._client, key).finish(code, seconds)

    def dropped(self, reason: str) -> None:
        """Counts a message that was thrown away unanswered, by a reason of few possible values."""
        self._dropped[reason] = self._dropped.get(reason, 0) + 1

    def event_published(self, event: str, result: str) -> None:
        """Counts a try to publish `event`, the full name of a message.

        `result` is `acknowledged`, `duplicate`, `sent` (not durable), or the code of the failure in
        lower case.
        """
        key = (event, result)
        self._published[key] = self._published.get(key, 0) + 1

    def event_handled(self, consumer: str, event: str, result: str) -> None:
        """Counts a delivery to the durable `consumer`.

        `result` is `acknowledged`, `retried`, `dead_lettered`, or `abandoned`: stopped by the
        drain, or not answered because the connection was down; both are delivered again.
        """
        key = (consumer, event, result)
        self._events[key] = self._events.get(key, 0) + 1

    def dead_lettered(self, consumer: str) -> None:
        """Counts a message that the durable `consumer` moved to its dead letters."""
        self._dead_lettered[consumer] = self._dead_lettered.get(consumer, 0) + 1

    def render(self, *, connected: bool | None = None) -> bytes:
        """The counters in the Prometheus text format, and those of the process: memory, files, CPU.

        Args:
            connected: Whether the connection stands, for `protonats_connected`; None leaves it out.
        """
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
            ProcessCollector(registry=self._registry)
        self._connected = connected
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metric families of this moment; `prometheus_client` calls it for each scrape."""
        from prometheus_client.core import GaugeMetricFamily

        yield from _call_families("server", "protonats_server_handling_seconds", self._server)
        yield from _call_families("client", "protonats_client_seconds", self._client)
        yield _counter(
            "dropped", "Messages thrown away unanswered.", ("reason",), _single(self._dropped)
        )
        yield _counter(
            "events_published",
            "Events that this process tried to publish.",
            ("event", "result"),
            self._published,
        )
        yield _counter(
            "events_handled",
            "Deliveries of events to durable consumers.",
            ("consumer", "event", "result"),
            self._events,
        )
        yield _counter(
            "events_dead_lettered",
            "Messages moved to dead letters.",
            ("consumer",),
            _single(self._dead_lettered),
        )
        if self._connected is not None:
            text = "Whether the connection to NATS stands."
            yield GaugeMetricFamily("protonats_connected", text, value=float(self._connected))


def _calls(table: dict[MethodKey, _Calls], key: MethodKey) -> _Calls:
    calls = table.get(key)
    if calls is None:
        calls = table[key] = _Calls()
    return calls


def _single(counts: Mapping[str, int]) -> dict[tuple[str], int]:
    return {(name,): count for name, count in counts.items()}


def _counter(
    name: str, text: str, labels: tuple[str, ...], counts: Mapping[LabelsT, int]
) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(f"protonats_{name}", text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _call_families(side: str, seconds: str, table: Mapping[MethodKey, _Calls]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

    method = ("service", "method")
    yield _counter(
        f"{side}_started",
        f"Calls begun on the {side}'s side.",
        method,
        {key: calls.started for key, calls in table.items()},
    )
    yield _counter(
        f"{side}_handled",
        f"Calls finished on the {side}'s side, by status.",
        (*method, "code"),
        {
            (*key, _code_name(code)): count
            for key, calls in table.items()
            for code, count in calls.codes.items()
        },
    )
    in_flight = GaugeMetricFamily(
        f"protonats_{side}_in_flight", f"Calls running on the {side}'s side.", labels=method
    )
    text = f"Seconds per call on the {side}'s side."
    histogram = HistogramMetricFamily(seconds, text, labels=method)
    for key, calls in table.items():
        in_flight.add_metric(key, calls.started - calls.handled)
        histogram.add_metric(key, calls.cumulative(), calls.seconds)
    yield in_flight
    yield histogram


def _code_name(code: int) -> str:
    return Code(code).name if code else "OK"
