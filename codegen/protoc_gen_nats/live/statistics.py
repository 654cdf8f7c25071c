"""What instances have done, summed up, and how much of it lies between two looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from protonats._asking import Answered

__all__ = ["Key", "MethodStats", "Snapshot", "between", "snapshot", "summed"]

Key: TypeAlias = tuple[str, str, str]
"""The service's name and version, and the method as its subject has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodStats:
    """What was done for one method."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    """Time spent in all requests together."""

    last_error: str = ""

    @property
    def average(self) -> float:
        """Seconds for one request; 0 without any."""
        return self.seconds / self.requests if self.requests else 0.0

    def __add__(self, other: MethodStats) -> MethodStats:
        return MethodStats(
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            seconds=self.seconds + other.seconds,
            last_error=self.last_error or other.last_error,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What all instances have done up to one moment."""

    at: float
    """The moment, in seconds of a clock that only goes forward."""

    methods: dict[tuple[str, Key], MethodStats]
    """By the id of the instance and the method."""

    @property
    def instances(self) -> dict[tuple[str, str], int]:
        """How many instances each service has, by its name and version."""
        known: dict[tuple[str, str], set[str]] = {}
        for instance, (name, version, _) in self.methods:
            known.setdefault((name, version), set()).add(instance)
        return {service: len(ids) for service, ids in known.items()}


def snapshot(answers: Iterable[Answered], at: float) -> Snapshot:
    """What the answers to STATS say."""
    return Snapshot(
        at=at,
        methods={
            (one.instance, (one.name, one.version, method)): MethodStats(
                requests=int(endpoint.get("num_requests") or 0),
                errors=int(endpoint.get("num_errors") or 0),
                seconds=int(endpoint.get("processing_time") or 0) / 1e9,
                last_error=str(endpoint.get("last_error") or ""),
            )
            for one in answers
            for method, endpoint in _named(one)
        },
    )


def _named(one: Answered) -> list[tuple[str, Mapping[str, Any]]]:
    """The endpoints of an instance with what `protonats call` and `explain` take for them: the
    token behind domain and version in the subject, and where that says too little, the name."""
    operations = [_operation(endpoint) for endpoint in one.endpoints]
    return [
        (operation if operations.count(operation) == 1 else str(endpoint.get("name", "")), endpoint)
        for operation, endpoint in zip(operations, one.endpoints, strict=True)
    ]


def _operation(endpoint: Mapping[str, Any]) -> str:
    domain = str(endpoint.get("queue_group") or "").removeprefix("q.")
    prefix, subject = f"svc.{domain}.", str(endpoint.get("subject") or "")
    _, _, operation = subject.removeprefix(prefix).partition(".")
    if not (domain and operation and subject.startswith(prefix)):
        return str(endpoint.get("name", ""))
    return operation.partition(".")[0]


def summed(one: Snapshot) -> dict[Key, MethodStats]:
    """The sums over the instances of each service."""
    sums: dict[Key, MethodStats] = {}
    for (_, key), stats in one.methods.items():
        sums[key] = sums.get(key, MethodStats()) + stats
    return sums


def between(before: Snapshot, after: Snapshot) -> Snapshot:
    """What was done after `before`: by instances that began or began anew since, all they did."""
    methods = {}
    for key, now in after.methods.items():
        then = before.methods.get(key, MethodStats())
        if then.requests > now.requests:
            then = MethodStats()
        methods[key] = MethodStats(
            requests=now.requests - then.requests,
            errors=max(0, now.errors - then.errors),
            seconds=max(0.0, now.seconds - then.seconds),
            last_error=now.last_error,
        )
    return Snapshot(at=after.at - before.at, methods=methods)
