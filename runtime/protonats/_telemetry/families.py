"""Every metric of the runtime: its name, what it means, and where its numbers are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from protonats.errors import Code

if TYPE_CHECKING:
    from protonats._telemetry.counters import Counters, MethodCalls, MethodKey

Samples: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
"""The values of the labels, and the number that belongs to them."""

Side: TypeAlias = Literal["client", "server"]

SIDES: Final[tuple[Side, ...]] = ("client", "server")
METHOD: Final = ("service", "method")
_CACHE: Final = (*METHOD, "tier")
_OUTBOX: Final = ("outbox",)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with all its labels."""

    name: str
    """Without `protonats_` and, for a counter, without `_total`."""

    kind: Literal["counter", "gauge"]

    text: str
    """What it means."""

    labels: tuple[str, ...]
    """The names of its labels."""

    read: Callable[[Counters], Samples]
    """Its numbers of this moment."""


def calls(metrics: Counters, side: Side) -> Mapping[MethodKey, MethodCalls]:
    """The calls of all methods on one side."""
    return metrics._server if side == "server" else metrics._client


def families() -> Iterator[Family]:
    """All but the histograms, which are those of `calls`."""
    for side in SIDES:
        yield from _call_families(side)
        yield from _stream_families(side)
    yield from _client_families()
    yield from _server_families()
    yield from _event_families()
    yield from _cache_families()
    yield from _outbox_families()
    yield Family(
        "dropped",
        "counter",
        "Messages thrown away unanswered.",
        ("reason",),
        lambda metrics: _single(metrics._dropped),
    )


def _call_families(side: Side) -> Iterator[Family]:
    yield Family(
        f"{side}_started",
        "counter",
        f"Calls begun on the {side}'s side.",
        METHOD,
        lambda metrics: [(key, item.started) for key, item in calls(metrics, side).items()],
    )
    yield Family(
        f"{side}_handled",
        "counter",
        f"Calls finished on the {side}'s side, by status.",
        (*METHOD, "code"),
        lambda metrics: [
            ((*key, Code(code).name if code else "OK"), count)
            for key, item in calls(metrics, side).items()
            for code, count in item.codes.items()
        ],
    )
    yield Family(
        f"{side}_in_flight",
        "gauge",
        f"Calls running on the {side}'s side.",
        METHOD,
        lambda metrics: [
            (key, item.started - item.handled) for key, item in calls(metrics, side).items()
        ],
    )


def _stream_families(side: Side) -> Iterator[Family]:
    for what in ("sent", "received"):
        yield Family(
            f"{side}_stream_messages_{what}",
            "counter",
            f"Messages of streams {what} by the {side}'s side.",
            METHOD,
            lambda metrics, what=what: [  # type: ignore[misc]
                (key, getattr(counts, what))
                for (where, key), counts in metrics._streams.items()
                if where == side
            ],
        )
    yield Family(
        f"{side}_stream_credit",
        "gauge",
        f"Messages that the {side}'s side may send now, all open streams together.",
        METHOD,
        lambda metrics: [
            (key, counts.credit)
            for (where, key), counts in metrics._streams.items()
            if where == side
        ],
    )


def _client_families() -> Iterator[Family]:
    yield Family(
        "client_retries",
        "counter",
        "Requests sent again after a failure.",
        (*METHOD, "reason"),
        lambda metrics: metrics._retries.items(),
    )
    yield Family(
        "client_hedges",
        "counter",
        "Requests sent while another one of the same call was late.",
        METHOD,
        lambda metrics: metrics._hedges.items(),
    )
    yield Family(
        "client_retry_budget_exhausted",
        "counter",
        "Retries and hedges that were not sent, to spare a service in trouble.",
        METHOD,
        lambda metrics: metrics._budget_exhausted.items(),
    )
    yield Family(
        "client_breaker_state",
        "gauge",
        "Circuit breakers that ever opened: 0 closed, 1 half-open, 2 open.",
        METHOD,
        lambda metrics: metrics._breakers.items(),
    )


def _server_families() -> Iterator[Family]:
    yield Family(
        "server_queued",
        "gauge",
        "Calls that wait for others to be done.",
        METHOD,
        lambda metrics: metrics._queued.items(),
    )
    yield Family(
        "server_refused",
        "counter",
        "Calls answered before their handler was begun.",
        (*METHOD, "reason"),
        lambda metrics: metrics._refused.items(),
    )
    yield Family(
        "server_replayed",
        "counter",
        "Calls that got the answer of an earlier one with the same idempotency key.",
        METHOD,
        lambda metrics: metrics._replayed.items(),
    )
    yield Family(
        "server_idempotency_failures",
        "counter",
        "Calls whose idempotency key protected less than it should.",
        (*METHOD, "step"),
        lambda metrics: metrics._unprotected.items(),
    )
    yield Family(
        "loop_blocked",
        "counter",
        "Times in which a handler kept the event loop from running anything else.",
        ("handler",),
        lambda metrics: _single(metrics._blocked),
    )


def _event_families() -> Iterator[Family]:
    yield Family(
        "events_published",
        "counter",
        "Events that this process tried to publish.",
        ("event", "result"),
        lambda metrics: metrics._published.items(),
    )
    yield Family(
        "events_handled",
        "counter",
        "Deliveries of events to durable consumers.",
        ("consumer", "event", "result"),
        lambda metrics: metrics._events.items(),
    )
    yield Family(
        "events_dead_lettered",
        "counter",
        "Messages moved to dead letters.",
        ("consumer",),
        lambda metrics: _single(metrics._dead_lettered),
    )


def _cache_families() -> Iterator[Family]:
    for what, text in (
        ("hits", "Responses found in the cache."),
        ("misses", "Responses not found in the cache."),
        ("stale", "Stale responses served while a fresh one was computed."),
        ("errors", "Failures of the cache, which cost time and nothing else."),
    ):
        yield Family(
            f"cache_{what}",
            "counter",
            text,
            _CACHE,
            lambda metrics, what=what: metrics._cached[what].items(),  # type: ignore[misc]
        )


def _outbox_families() -> Iterator[Family]:
    for what, text in (
        ("written", "Events written to an outbox."),
        ("relayed", "Events of an outbox that their stream has stored."),
    ):
        yield Family(
            f"outbox_{what}",
            "counter",
            text,
            _OUTBOX,
            lambda metrics, what=what: metrics._outbox[what].items(),  # type: ignore[misc]
        )
    yield Family(
        "outbox_failed",
        "counter",
        "Tries to publish an event of an outbox that failed.",
        (*_OUTBOX, "reason"),
        lambda metrics: metrics._outbox_failed.items(),
    )
    yield Family(
        "outbox_pending",
        "gauge",
        "Events that wait in the outbox.",
        _OUTBOX,
        lambda metrics: [
            ((outbox,), count) for outbox, (count, _) in metrics._outbox_waiting.items()
        ],
    )
    yield Family(
        "outbox_oldest_seconds",
        "gauge",
        "How long the oldest event waits in the outbox.",
        _OUTBOX,
        lambda metrics: [
            ((outbox,), seconds) for outbox, (_, seconds) in metrics._outbox_waiting.items()
        ],
    )


def _single(counts: Mapping[str, int]) -> Samples:
    return [((name,), count) for name, count in counts.items()]
