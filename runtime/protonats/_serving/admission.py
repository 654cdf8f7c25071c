"""How many calls run at once, and who waits for a place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from google.protobuf import duration_pb2
from google.rpc import error_details_pb2

from protonats._serving.limit import Call, Limit
from protonats._serving.refusal import Refusal
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._serving.endpoint import Endpoint
    from protonats._serving.serving import Serving
    from protonats._timers import Timer
    from protonats._wire.call import CallHeader

_MIN_RETRY_DELAY: Final = 0.05
_MAX_RETRY_DELAY: Final = 2.0


class _Waiting:
    """A call that waits: first for a place of its method, then for one of the service."""

    __slots__ = ("call", "call_id", "endpoint", "limit", "timer")

    def __init__(self, endpoint: Endpoint, call: Call, call_id: str) -> None:
        self.endpoint = endpoint
        self.call = call
        self.call_id = call_id
        self.limit: Limit
        self.timer: Timer | None = None


class Admission:
    """Lets calls begin, in the order in which they came, while there are places."""

    def __init__(
        self,
        serving: Serving,
        start: Callable[[Endpoint, Call, str], None],
        *,
        max_in_flight: int,
        max_queued: int,
    ) -> None:
        """
        Args:
            serving: What the calls of the instance share.
            start: Begins a call, whose id comes last; when it is done, `release` has to be called:
                it is that of `serving` from here on.
            max_in_flight: How many calls of the service run at once.
            max_queued: How many wait beyond those.
        """
        self._serving = serving
        self._start = start
        self._service = Limit(max_in_flight, max_queued)
        self._waiting: dict[Call, _Waiting] = {}
        serving.release = self.release

    @property
    def running(self) -> int:
        """How many calls have a place."""
        return self._service.running

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def admit(self, endpoint: Endpoint, call: Call, header: CallHeader) -> None:
        """Begins a call, lets it wait, or refuses it.

        Args:
            endpoint: The method that is called.
            call: The call.
            header: Its call header.
        """
        if self.enter(endpoint):
            self._start(endpoint, call, header.call_id)
            return
        limit, waiting = endpoint.limit, _Waiting(endpoint, call, header.call_id)
        if limit is not None:
            if limit.running >= limit.max_in_flight:
                self._queue(limit, waiting, header)
                return
            limit.running += 1
        if not self._queue(self._service, waiting, header):
            self._free(endpoint)

    def enter(self, endpoint: Endpoint) -> bool:
        """Takes a place for a call, if there is one; when the call is done, `release` has to be
        called."""
        limit, service = endpoint.limit, self._service
        if service.running >= service.max_in_flight:
            return False
        if limit is not None:
            if limit.running >= limit.max_in_flight:
                return False
            limit.running += 1
        service.running += 1
        return True

    def release(self, endpoint: Endpoint) -> None:
        """Gives the place of a call that is done to the next."""
        service = self._service
        service.running -= 1
        if endpoint.limit is not None:
            self._free(endpoint)
        if service.waiting:
            self._proceed()

    def stop(self, error: StatusError) -> None:
        """Answers all calls that wait with a status."""
        for entry in tuple(self._waiting.values()):
            self._remove(entry)
            entry.call.fail(error)

    def _queue(self, limit: Limit, entry: _Waiting, header: CallHeader) -> bool:
        if len(limit.waiting) >= limit.max_queued:
            self._refuse(limit, entry)
            return False
        limit.waiting[entry.call] = None
        entry.limit = limit
        self._waiting[entry.call] = entry
        serving = self._serving
        serving.metrics.server_queued(entry.endpoint.method.key, 1)
        serving.cancellations.register(entry.call_id, partial(self._cancel, entry))
        timeout = entry.endpoint.method.timeout
        if header.remaining_ms is not None:
            timeout = header.remaining_ms / 1000
        if timeout is not None:
            entry.timer = serving.timers.at(serving.loop.time() + timeout, self._expire, entry)
        return True

    def _refuse(self, limit: Limit, entry: _Waiting) -> None:
        method = entry.endpoint.method
        who = "the instance" if limit is self._service else f"{method.name} of this instance"
        queued = f", and {limit.max_queued} wait" if limit.max_queued else ""
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(self._delay(limit, entry.endpoint) * 1000))
        self._serving.metrics.server_refused(method.key, "full")
        entry.call.fail(
            Refusal(
                Code.RESOURCE_EXHAUSTED,
                f"{who} handles {limit.max_in_flight} calls already, as many as it may{queued}",
                details=[error_details_pb2.RetryInfo(retry_delay=delay)],
            )
        )

    def _delay(self, limit: Limit, endpoint: Endpoint) -> float:
        """Seconds after which there should be a place: what the calls before this one take."""
        turns = (len(limit.waiting) + 1) / limit.max_in_flight
        delay = endpoint.stats.recent_seconds * max(1.0, turns)
        return min(max(delay, _MIN_RETRY_DELAY), _MAX_RETRY_DELAY)

    def _free(self, endpoint: Endpoint) -> None:
        """Takes back a place of the method: the first call that waits for it goes on to wait for
        one of the service."""
        limit = endpoint.limit
        if limit is None:
            return
        if limit.waiting:
            call, _ = limit.waiting.popitem(last=False)
            self._waiting[call].limit = self._service
            self._service.waiting[call] = None
        else:
            limit.running -= 1

    def _proceed(self) -> None:
        service = self._service
        while service.waiting and service.running < service.max_in_flight:
            call, _ = service.waiting.popitem(last=False)
            entry = self._waiting[call]
            self._forget(entry)
            service.running += 1
            self._start(entry.endpoint, call, entry.call_id)

    def _cancel(self, entry: _Waiting) -> None:
        self._remove(entry)
        entry.call.cancel()

    def _expire(self, entry: _Waiting) -> None:
        self._remove(entry)
        entry.call.drop("expired")

    def _remove(self, entry: _Waiting) -> None:
        """Takes a call out of its queue, and gives its place of the method to the next."""
        limit = entry.limit
        del limit.waiting[entry.call]
        self._forget(entry)
        if limit is self._service:
            self._free(entry.endpoint)

    def _forget(self, entry: _Waiting) -> None:
        del self._waiting[entry.call]
        self._serving.metrics.server_queued(entry.endpoint.method.key, -1)
        self._serving.cancellations.unregister(entry.call_id)
        if entry.timer is not None:
            entry.timer.cancel()
