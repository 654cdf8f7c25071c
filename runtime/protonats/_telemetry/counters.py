"""Plain numbers: what a process counts about its calls and events.

Prometheus and OpenTelemetry see them when they ask; `families.py` has their names.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, TypeAlias

from protonats._streaming.counts import StreamCounts

# fmt: off
BUCKETS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0,
)
# fmt: on
"""Upper bounds of the histograms' buckets, in seconds."""

MethodKey: TypeAlias = tuple[str, str]
"""The full name of a service, and the name of one of its methods."""


class MethodCalls:
    """The calls of one method, on one side.

    Attributes:
        started: How many were begun; whoever begins one adds 1.
    """

    __slots__ = ("buckets", "codes", "handled", "seconds", "started")

    def __init__(self) -> None:
        self.started = 0
        self.handled = 0
        self.seconds = 0.0
        self.codes: dict[int, int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)

    def finish(self, code: int, seconds: float) -> None:
        """Counts the end of a call: its status, 0 for success, and how many seconds it took."""
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


class Counters:
    """The counters of one connection."""

    def __init__(self) -> None:
        self._server: dict[MethodKey, MethodCalls] = {}
        self._client: dict[MethodKey, MethodCalls] = {}
        self._streams: dict[tuple[str, MethodKey], StreamCounts] = {}
        self._retries: dict[tuple[str, str, str], int] = {}
        self._hedges: dict[MethodKey, int] = {}
        self._budget_exhausted: dict[MethodKey, int] = {}
        self._breakers: dict[MethodKey, int] = {}
        self._queued: dict[MethodKey, int] = {}
        self._refused: dict[tuple[str, str, str], int] = {}
        self._replayed: dict[MethodKey, int] = {}
        self._unprotected: dict[tuple[str, str, str], int] = {}
        self._blocked: dict[str, int] = {}
        self._dropped: dict[str, int] = {}
        self._published: dict[tuple[str, str], int] = {}
        self._events: dict[tuple[str, str, str], int] = {}
        self._dead_lettered: dict[str, int] = {}
        self._cached: dict[str, dict[tuple[str, str, str], int]] = {
            name: {} for name in ("hits", "misses", "stale", "errors")
        }
        self._outbox: dict[str, dict[tuple[str], int]] = {"written": {}, "relayed": {}}
        self._outbox_failed: dict[tuple[str, str], int] = {}
        self._outbox_waiting: dict[str, tuple[int, float]] = {}

    def server_calls(self, key: MethodKey) -> MethodCalls:
        """The counters of the calls of one method that this process handles, to be kept and counted
        on."""
        return _calls(self._server, key)

    def client_calls(self, key: MethodKey) -> MethodCalls:
        """The counters of the calls that this process makes of one method, to be kept and counted
        on."""
        return _calls(self._client, key)

    def client_retried(self, key: MethodKey, reason: str) -> None:
        """Counts a request that is sent again.

        `reason` is why the one before failed: `no_instance`, `refused`, `unavailable` or
        `attempt_timeout`.
        """
        self._retries[(*key, reason)] = self._retries.get((*key, reason), 0) + 1

    def client_hedged(self, key: MethodKey) -> None:
        """Counts a request that is sent while another one of the same call is late."""
        self._hedges[key] = self._hedges.get(key, 0) + 1

    def retry_budget_exhausted(self, key: MethodKey) -> None:
        """Counts a retry or hedge that is not sent, because its service has had too many."""
        self._budget_exhausted[key] = self._budget_exhausted.get(key, 0) + 1

    def breaker_changed(self, key: MethodKey, state: int) -> None:
        """Notes the state of a circuit breaker: 0 closed, 1 half-open, 2 open."""
        self._breakers[key] = state

    def server_queued(self, key: MethodKey, change: int) -> None:
        """Counts a call that waits for a place, 1, or does not wait any more, -1."""
        self._queued[key] = self._queued.get(key, 0) + change

    def server_refused(self, key: MethodKey, reason: str) -> None:
        """Counts a call that was answered before its handler was begun: `full`, or `idempotency`
        where the store of answers was away."""
        self._refused[(*key, reason)] = self._refused.get((*key, reason), 0) + 1

    def server_replayed(self, key: MethodKey) -> None:
        """Counts a call that got the answer of an earlier one with the same idempotency key."""
        self._replayed[key] = self._replayed.get(key, 0) + 1

    def idempotency_failed(self, key: MethodKey, step: str) -> None:
        """Counts a call whose idempotency key protects less than it should: the store of answers
        was away when it was to `begin` or to `finish`, or its `lease` passed while it ran."""
        self._unprotected[(*key, step)] = self._unprotected.get((*key, step), 0) + 1

    def handler_blocked(self, handler: str) -> None:
        """Counts a time in which a handler kept the event loop from running anything else."""
        self._blocked[handler] = self._blocked.get(handler, 0) + 1

    def streams(self, side: str, key: MethodKey) -> StreamCounts:
        """The counters of a method's streams on one side, `client` or `server`."""
        counts = self._streams.get((side, key))
        if counts is None:
            counts = self._streams[side, key] = StreamCounts()
        return counts

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

        `result` is `acknowledged`, `retried`, `dead_lettered`, `skipped` (a replay for another
        consumer), or `abandoned`: stopped by the drain, or not answered because the connection was
        down; both are delivered again.
        """
        key = (consumer, event, result)
        self._events[key] = self._events.get(key, 0) + 1

    def dead_lettered(self, consumer: str) -> None:
        """Counts a message that the durable `consumer` moved to its dead letters."""
        self._dead_lettered[consumer] = self._dead_lettered.get(consumer, 0) + 1

    def cached(self, what: str, labels: tuple[str, str, str]) -> None:
        """Counts `hits`, `misses`, `stale` (served although it was) or `errors` of a cache.

        `labels` are the service, the method, and the tier: `local` or `redis`.
        """
        counts = self._cached[what]
        counts[labels] = counts.get(labels, 0) + 1

    def outbox(self, what: str, outbox: str, count: int = 1) -> None:
        """Counts events that were `written` to an outbox, or `relayed`: stored by their stream."""
        counts = self._outbox[what]
        counts[(outbox,)] = counts.get((outbox,), 0) + count

    def outbox_failed(self, outbox: str, reason: str) -> None:
        """Counts a try to publish an event of an outbox; `reason` is the code in lower case."""
        key = (outbox, reason)
        self._outbox_failed[key] = self._outbox_failed.get(key, 0) + 1

    def outbox_waiting(self, outbox: str, count: int, oldest: float) -> None:
        """Tells how many events wait in an outbox, and for how many seconds the oldest does."""
        self._outbox_waiting[outbox] = (count, oldest)


def _calls(table: dict[MethodKey, MethodCalls], key: MethodKey) -> MethodCalls:
    calls = table.get(key)
    if calls is None:
        calls = table[key] = MethodCalls()
    return calls
