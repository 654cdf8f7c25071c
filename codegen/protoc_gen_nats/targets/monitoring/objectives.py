"""What services promise, and how fast they use up what may go wrong.

A service promises a share of calls that are answered well, and in time: `availability` of the
manifest. What is left to 1 is its error budget. A burn rate of 1 uses up exactly the budget;
alerts look at two windows each, so that they come soon and go soon ("The Site Reliability
Workbook", chapter 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from protoc_gen_nats.environments import Environment
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.monitoring.alert import CRITICAL, WARNING, Alert, Runbook, Step
from protoc_gen_nats.targets.monitoring.queries import error_share, number
from protoc_gen_nats.targets.monitoring.recording import TIME_OUT

__all__ = ["BURN_RATES", "GROUP", "OBJECTIVE", "alerts", "errors_of", "groups"]

OBJECTIVE = "service:slo:objective"

_AVAILABILITY = "availability"
_LATENCY = "latency"
GROUP = "slo"
_SECONDS = "protonats_server_handling_seconds"


@dataclass(frozen=True, slots=True)
class BurnRate:
    """When a budget is used up too fast."""

    factor: float
    long: str
    short: str
    """A twelfth of the long window: when it is over, so is the alert."""

    lasts: str
    severity: str
    budget: str
    """The part of a month's budget that is gone by then."""


BURN_RATES = (
    BurnRate(14.4, "1h", "5m", "2m", CRITICAL, "2 %"),
    BurnRate(6.0, "6h", "30m", "15m", CRITICAL, "5 %"),
    BurnRate(1.0, "3d", "6h", "1h", WARNING, "10 %"),
)
_FAST = ("5m", "30m", "1h")
_SLOW = ("6h", "3d")


def errors_of(what: str, window: str) -> str:
    """The recorded share of calls that break a promise, `availability` or `latency`."""
    return f"service:slo_{what}_errors:share{window}"


def groups(schema: Schema, environment: Environment) -> list[dict[str, Any]]:
    """The groups of recording rules. What is reckoned over days is reckoned seldom."""
    objectives = [
        {
            "record": OBJECTIVE,
            "expr": f"vector({number(environment.service(user_of(service)).availability)})",
            "labels": {"service": service.full_name},
        }
        for service in schema.services
    ]
    return [
        {"name": "slo-objectives", "interval": "1m", "rules": objectives},
        {"name": "slo-fast", "interval": "30s", "rules": list(_shares(_FAST))},
        {"name": "slo-slow", "interval": "5m", "rules": list(_shares(_SLOW))},
    ]


def _shares(windows: tuple[str, ...]) -> Iterator[dict[str, str]]:
    for window in windows:
        yield {
            "record": errors_of(_AVAILABILITY, window),
            "expr": error_share("server", "service", window),
        }
        yield {"record": errors_of(_LATENCY, window), "expr": _late(window)}


def _late(window: str) -> str:
    """The share of calls beyond the last bucket within their time-out, of methods that have one."""
    buckets = f"sum by (service, method, le) (rate({_SECONDS}_bucket[{window}]))"
    # Collectors write whole numbers as they like, 5 or 5.0.
    buckets = f'label_replace({buckets}, "le", "$1", "le", "(.+)\\\\.0")'
    counts = f"sum by (service, method) (rate({_SECONDS}_count[{window}]))"
    in_time = f"sum by (service) ({buckets} and on (service, method, le) {TIME_OUT})"
    return f"1 - {in_time} / sum by (service) ({counts} and on (service, method) {TIME_OUT})"


def alerts() -> Iterator[Alert]:
    """The alerts: each comes for every service that it holds for."""
    for name, what, fails, runbook in (
        ("AvailabilityBudgetBurns", _AVAILABILITY, "fail by its own fault", _AVAILABILITY_BURNS),
        ("LatencyBudgetBurns", _LATENCY, "come too late", _LATENCY_BURNS),
    ):
        for rate in BURN_RATES:
            over = f"> {rate.factor:g} * (1 - {OBJECTIVE})"
            yield Alert(
                name=name,
                group=GROUP,
                severity=rate.severity,
                expr=(
                    f"{errors_of(what, rate.long)} {over} and {errors_of(what, rate.short)} {over}"
                ),
                lasts=rate.lasts,
                labels={"window": rate.long},
                summary=f"{{{{ $labels.service }}}} breaks what it promises ({what})",
                description=(
                    f"In {rate.long}, {{{{ $value | humanizePercentage }}}} of the calls of"
                    f" {{{{ $labels.service }}}} {fails}. At this"
                    f" rate {rate.budget} of a month's budget are gone in {rate.long}."
                ),
                runbook=runbook,
            )


_BURNING = Step(
    text="How fast the budget burns: 1 uses it up exactly.",
    query=f"{errors_of(_AVAILABILITY, '1h')} / (1 - {OBJECTIVE})",
)
_CLOSE = (
    "It ends by itself once the short window is clean. Before you close it, note how much of the"
    " month's budget is gone: with nothing left, what is deployed next shall make the service"
    " safer."
)
_AVAILABILITY_BURNS = Runbook(
    meaning=(
        "So many calls fail that the service will not keep the `availability` that protonats.yaml"
        " promises. Statuses that are the caller's fault do not count. `window` says how fast: 1h"
        " and 6h wake somebody, 3d does not."
    ),
    users="A part of their calls fails. Retries hide some of it, and cost time.",
    look=(
        _BURNING,
        Step(
            text="Which methods and statuses.",
            query=(
                "sum by (service, method, code)"
                ' (increase(protonats_server_handled_total{code!="OK"}[1h])) > 0'
            ),
        ),
        Step(text="As it comes.", command="protonats stats SERVICE --watch"),
    ),
    mend=("As for [ErrorShareHigh](ErrorShareHigh.md).",),
    close=_CLOSE,
)
_LATENCY_BURNS = Runbook(
    meaning=(
        "So many calls are answered later than their time-out, rounded down to a bucket of the"
        " histogram, that the service will not keep its promise. Streams do not count."
    ),
    users="They wait, or have given up by the time the answer comes.",
    look=(
        Step(
            text="How fast the budget burns: 1 uses it up exactly.",
            query=f"{errors_of(_LATENCY, '1h')} / (1 - {OBJECTIVE})",
        ),
        Step(
            text="Which methods use up their time-out.",
            query=f"method:{_SECONDS}:p99_5m / on (service, method) {TIME_OUT}",
        ),
        Step(text="As it comes.", command="protonats stats SERVICE --watch"),
    ),
    mend=("As for [LatencyHigh](LatencyHigh.md).",),
    close=_CLOSE,
)
