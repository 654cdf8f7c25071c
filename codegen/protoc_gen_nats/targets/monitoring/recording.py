"""Recording rules: what alerts and dashboards read again and again, and what the schemas say.

A name is `<level>:<metric>:<what was done>`; the level says which labels it has: `method` has
service and method, `caller` the calling app and the called service. They are the same in all
environments.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from protoc_gen_nats.model import MethodKind, Schema
from protoc_gen_nats.targets.monitoring.queries import (
    AT_CONSUMER_LEADER,
    error_share,
    number,
    quantile,
    share_of_both,
)
from protonats.metrics import BUCKETS

__all__ = ["LONGEST", "QUANTILES", "TIME_OUT", "groups"]

_WINDOW = "5m"
_LEVELS = {"method": "service, method", "service": "service"}
_HANDLED = "protonats_server_handled_total"
_SECONDS = "protonats_server_handling_seconds"
_SENT = "protonats_client_handled_total"
_CACHE = "sum by (service, tier) (rate(protonats_cache_{}_total[5m]))"

QUANTILES = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
"""Those that are recorded, and what they are called."""

TIME_OUT = "method:time_out_seconds"
"""A method's time-out, as a fact that queries can join. Its label `le` is the last bucket that all
calls in time fall into."""

LONGEST = BUCKETS[-1]
"""Seconds above which the histograms tell nothing."""


def groups(schema: Schema) -> list[dict[str, Any]]:
    """The groups of rules."""
    return [
        {"name": "calls", "interval": "30s", "rules": list(_calls())},
        {"name": "events", "interval": "30s", "rules": list(_events())},
        {"name": "schema", "interval": "1m", "rules": list(_facts(schema))},
    ]


def _rule(record: str, expr: str) -> dict[str, str]:
    return {"record": record, "expr": expr}


def _calls() -> Iterator[dict[str, str]]:
    for level, by in _LEVELS.items():
        rate = f"sum by ({by}) (rate({_HANDLED}[{_WINDOW}]))"
        yield _rule(f"{level}:protonats_server_handled:rate5m", rate)
        shares = error_share("server", by, _WINDOW)
        yield _rule(f"{level}:protonats_server_errors:share5m", shares)
    # How long a stream goes on is no latency, so of a service only methods with a time-out count.
    buckets = f"sum by (service, method, le) (rate({_SECONDS}_bucket[{_WINDOW}]))"
    answered = f"sum by (service, le) ({buckets} and on (service, method) {TIME_OUT})"
    for which, name in QUANTILES:
        by_method = quantile(which, "server", _LEVELS["method"], _WINDOW)
        yield _rule(f"method:{_SECONDS}:{name}_5m", by_method)
        by_service = f"histogram_quantile({which:g}, {answered})"
        yield _rule(f"service:{_SECONDS}:{name}_5m", by_service)
    mean = " / ".join(
        f"sum by (service, method) (rate({_SECONDS}_{part}[{_WINDOW}]))"
        for part in ("sum", "count")
    )
    yield _rule(f"method:{_SECONDS}:mean5m", mean)
    yield _rule(
        "caller:protonats_client_handled:rate5m",
        f"sum by (app, service) (rate({_SENT}[{_WINDOW}]))",
    )
    yield _rule(
        "caller:protonats_client_errors:share5m", error_share("client", "app, service", _WINDOW)
    )
    hits, misses = _CACHE.format("hits"), _CACHE.format("misses")
    yield _rule("service:protonats_cache_hits:share5m", share_of_both(hits, misses))


def _events() -> Iterator[dict[str, str]]:
    yield _rule(
        "consumer:protonats_events_handled:rate5m",
        f"sum by (consumer, result) (rate(protonats_events_handled_total[{_WINDOW}]))",
    )
    for what in ("num_pending", "num_ack_pending"):
        metric = f"jetstream_consumer_{what}"
        yield _rule(
            f"consumer:{metric}:max",
            f"max by (stream_name, consumer_name) ({metric}{{{AT_CONSUMER_LEADER}}})",
        )


def _facts(schema: Schema) -> Iterator[dict[str, Any]]:
    """The time-outs of methods that answer once."""
    for service in schema.services:
        for method in service.methods:
            if method.kind is MethodKind.UNARY and method.timeout is not None:
                labels = {
                    "service": service.full_name,
                    "method": method.name,
                    "le": _last_bucket(method.timeout),
                }
                yield {**_rule(TIME_OUT, f"vector({number(method.timeout)})"), "labels": labels}


def _last_bucket(time_out: float) -> str:
    """Rounded down, as a call in a bucket beyond may be too late. Of a time-out that is longer than
    all of them nothing can be said: it is the bucket that everything is in."""
    if time_out > LONGEST:
        return "+Inf"
    index = bisect_right(BUCKETS, time_out)
    return number(BUCKETS[max(index - 1, 0)])
