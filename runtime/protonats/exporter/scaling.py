"""What services are scaled by: calls and waiting events for each of their instances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from protonats._asking import Answered
from protonats.exporter.instances import Known, requests_of
from protonats.exporter.samples import Sample
from protonats.exporter.streams import FoundStream

__all__ = ["CallRates", "Load", "load_figures", "loads", "waiting_events"]

_KEEP = 300.0
"""Seconds for which an instance that does not answer is remembered: the calls in between are then
counted over the whole time, not as if all had come at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """The work of one service."""

    service: Known
    instances: int
    requests_per_task: float
    """Calls a second."""

    queue_per_task: float | None
    """Events that wait; None where it consumes none, or nobody knows."""


class CallRates:
    """Calls a second, from counters that each instance begins at 0."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, int]] = {}
        """Of each instance, when it was last heard, in seconds, and its count."""

    def update(self, answers: Iterable[Answered], now: float) -> float:
        """The calls a second of all these instances together; of a new one they are known the
        second time."""
        total = 0.0
        for answer in answers:
            count = requests_of(answer)
            if (before := self._before.get(answer.instance)) is not None:
                seconds = now - before[0]
                total += max(0, count - before[1]) / seconds if seconds > 0 else 0.0
            self._before[answer.instance] = (now, count)
        return total

    def forget(self, now: float) -> None:
        """Forgets instances that are gone."""
        gone = [name for name, (heard, _) in self._before.items() if now - heard > _KEEP]
        for name in gone:
            del self._before[name]


def loads(
    services: Mapping[Known, list[Answered]],
    rates: CallRates,
    waiting: Mapping[str, int],
    now: float,
) -> list[Load]:
    """The work of each service, by what its instances say.

    Args:
        services: The instances of each service; may be none.
        rates: What was heard before.
        waiting: How many events wait for the services of a name.
        now: The time, in seconds of any clock that does not jump.
    """
    named: dict[str, int] = {}
    for service, answers in services.items():
        named[service.name] = named.get(service.name, 0) + len(answers)
    result = [
        Load(
            service=service,
            instances=len(answers),
            requests_per_task=rates.update(answers, now) / max(len(answers), 1),
            queue_per_task=(
                waiting[service.name] / max(named[service.name], 1)
                if service.name in waiting
                else None
            ),
        )
        for service, answers in sorted(services.items())
    ]
    rates.forget(now)
    return result


def waiting_events(plan: Mapping[str, Any], streams: Iterable[FoundStream]) -> dict[str, int]:
    """How many events wait for the consumers of each service, by its name in the plan. A consumer
    whose leader did not answer makes the number unknown."""
    by_name = {stream.name: stream for stream in streams}
    waiting: dict[str, int] = {}
    unknown: set[str] = set()
    for entry in plan.get("consumers") or ():
        stream = by_name.get(entry["stream"])
        consumer = stream and stream.consumers.get(entry["durable"])
        if not consumer or not consumer.led:
            unknown.add(entry["service"])
        else:
            waiting[entry["service"]] = waiting.get(entry["service"], 0) + consumer.waiting
    return {name: count for name, count in waiting.items() if name not in unknown}


def load_figures(given: Iterable[Load]) -> Iterator[Sample]:
    """The work, for Prometheus."""
    for load in given:
        labels = {"service": load.service.full_name}
        yield Sample("protonats_platform_requests_per_task", load.requests_per_task, labels)
        if load.queue_per_task is not None:
            yield Sample("protonats_platform_queue_per_task", load.queue_per_task, labels)
