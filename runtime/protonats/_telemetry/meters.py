"""The metrics as OpenTelemetry exports them: the same counters, read at each export."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from protonats._telemetry.families import SIDES, Family, Samples, Side, calls, families
from protonats._telemetry.spans import METHOD, PROTONATS, STATUS, SYSTEM

if TYPE_CHECKING:
    from protonats._telemetry.counters import Counters

_ATTRIBUTES: Final = {
    "code": STATUS,
    "consumer": "messaging.consumer.group.name",
    "event": "protonats.event",
}
"""What a label is called, where that is not `protonats.<label>`."""


def export(counters: Counters, meter: Meter) -> None:
    """Makes counters readable, for as long as they are there.

    Names are those of Prometheus, with the first `_` as a dot: `protonats.client.handled`. Service
    and method are the attribute `rpc.method`, the code is `rpc.response.status_code`.
    """
    # An instrument cannot be taken back, and would keep the counters for ever.
    metrics = weakref.ref(counters)
    for family in families():
        create = (
            meter.create_observable_counter
            if family.kind == "counter"
            else meter.create_observable_gauge
        )
        name = f"{PROTONATS}.{family.name.replace('_', '.', 1)}"
        create(name, [_reader(metrics, family)], description=family.text)
    for side in SIDES:
        meter.create_observable_counter(
            f"{PROTONATS}.{side}.duration",
            [_reader(metrics, _seconds(side))],
            unit="s",
            description=f"Seconds that all calls on the {side}'s side took together.",
        )


def _seconds(side: Side) -> Family:
    def read(metrics: Counters) -> Samples:
        return [(key, item.seconds) for key, item in calls(metrics, side).items()]

    return Family(f"{side}_duration", "counter", "", ("service", "method"), read)


def _reader(
    metrics: weakref.ref[Counters], family: Family
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> list[Observation]:
        counters = metrics()
        if counters is None:
            return []
        return [
            Observation(number, _attributes(dict(zip(family.labels, values, strict=True))))
            for values, number in tuple(family.read(counters))
        ]

    return observe


def _attributes(labels: dict[str, str]) -> Mapping[str, str]:
    attributes: dict[str, str] = {}
    if "method" in labels:
        service, method = labels.pop("service"), labels.pop("method")
        attributes = {SYSTEM: PROTONATS, METHOD: f"{service}/{method}"}
    attributes.update(
        (_ATTRIBUTES.get(name, f"{PROTONATS}.{name}"), value) for name, value in labels.items()
    )
    return attributes
