"""The circuit breaker: a method whose calls are not answered is left alone for a while."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from google.rpc import error_details_pb2

from protonats.errors import Code, StatusError
from protonats.settings import BreakerSettings

FAILURES: Final = frozenset((Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED))
"""The statuses that say that the service does not answer. With any other it does: one of a request
that it cannot handle, or of a place that it does not have, says nothing about the next call."""

_logger = logging.getLogger("protonats")

_PARTS: Final = 10
"""The window moves on by a tenth of its length."""

_PROBE_DELAY: Final = 0.1
"""Seconds after which a call refused during a probe may be made again: its result is near."""


class BreakerState(IntEnum):
    """Whether calls are let through; the numbers are those of the metric."""

    CLOSED = 0
    """All are."""

    HALF_OPEN = 1
    """One is, and its result decides."""

    OPEN = 2
    """None is."""


class Breaker:
    """The breaker of one method on one connection. Every time is one of the event loop.

    Whoever makes a call asks `admit` where the state is not closed, and tells `succeeded` or
    `ended` what became of it. Failures alone are the moments at which it opens.
    """

    __slots__ = (
        "_failures",
        "_on_change",
        "_open_until",
        "_past",
        "_past_calls",
        "_past_failures",
        "_probing",
        "_settings",
        "_successes",
        "_turn",
        "name",
        "state",
    )

    def __init__(
        self, settings: BreakerSettings, name: str, on_change: Callable[[BreakerState], None]
    ) -> None:
        self.name = name
        self.state = BreakerState.CLOSED
        self._settings = settings
        self._on_change = on_change
        self._open_until = 0.0
        self._probing = False
        self._forget()

    def admit(self, now: float) -> bool:
        """Lets a call through, or refuses it; True if it is the probe that decides.

        Raises:
            StatusError: UNAVAILABLE; a `google.rpc.RetryInfo` says when to try again.
        """
        if self.state is BreakerState.CLOSED:
            return False
        if now >= self._open_until and not self._probing:
            self._probing = True
            self._change(BreakerState.HALF_OPEN)
            return True
        delay = max(self._open_until - now, _PROBE_DELAY)
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromNanoseconds(int(delay * 1e9))
        raise StatusError(
            Code.UNAVAILABLE,
            f"the circuit breaker of {self.name} is open: too many of its calls failed, the next"
            f" one is let through in {delay:.1f} s",
            details=[info],
            unhandled=True,
        )

    def succeeded(self, now: float, probe: bool = False) -> None:
        """Counts a call that the service answered."""
        if now >= self._turn:
            self._move_on(now)
        self._successes += 1
        if probe:
            self._probing = False
            self._forget()
            self._change(BreakerState.CLOSED)
            _logger.info(
                "the circuit breaker of %s is closed: a call was answered",
                self.name,
                extra={"rpc": self.name, "breaker": "closed"},
            )

    def failed(self, now: float, probe: bool = False) -> None:
        """Counts a failure, which may open the breaker."""
        if probe:
            self._probing = False
            self._open(now)
            return
        if now >= self._turn:
            self._move_on(now)
        self._failures += 1
        if self.state is not BreakerState.CLOSED:
            return
        settings = self._settings
        failures = self._past_failures + self._failures
        calls = self._past_calls + self._failures + self._successes
        if calls >= settings.min_calls and failures >= settings.failure_ratio * calls:
            self._open(now)
            _logger.warning(
                "the circuit breaker of %s is open: %d of %d calls within %g s failed, and the next"
                " one is let through in %g s",
                self.name,
                failures,
                calls,
                settings.window,
                settings.open_time,
                extra={"rpc": self.name, "breaker": "open"},
            )

    def ended(
        self, error: BaseException | None, now: float, *, connected: bool, probe: bool
    ) -> None:
        """Counts a call that raised an error; None: its caller ended it.

        It says nothing about the service if the caller cancelled it, or has no connection: if it
        was the probe, the next call is one in its place.
        """
        if not isinstance(error, StatusError) or (error.code is Code.UNAVAILABLE and not connected):
            if probe:
                self._probing = False
        elif error.code in FAILURES:
            self.failed(now, probe)
        else:
            self.succeeded(now, probe)

    def _open(self, now: float) -> None:
        self._open_until = now + self._settings.open_time
        self._change(BreakerState.OPEN)

    def _change(self, state: BreakerState) -> None:
        if state is not self.state:
            self.state = state
            self._on_change(state)

    def _forget(self) -> None:
        self._past: deque[tuple[int, int]] = deque(maxlen=_PARTS - 1)
        self._past_calls = self._past_failures = 0
        self._successes = self._failures = 0
        self._turn = 0.0

    def _move_on(self, now: float) -> None:
        """Begins another part of the window."""
        part = self._settings.window / _PARTS
        steps = int((now - self._turn) / part) + 1
        if steps >= _PARTS:
            self._forget()
            self._turn = now + part
            return
        self._past.append((self._successes + self._failures, self._failures))
        self._past.extend([(0, 0)] * (steps - 1))
        self._past_calls = sum(calls for calls, _ in self._past)
        self._past_failures = sum(failures for _, failures in self._past)
        self._successes = self._failures = 0
        self._turn += steps * part
