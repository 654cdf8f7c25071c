"""Deadlines of many calls on one timer of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

_PER_SECOND: Final = 250
"""Ticks: what falls due between two of them is called back at the later one."""


class Timer:
    """One callback that waits."""

    __slots__ = ("_arguments", "_callback", "_tick", "_timers")

    def __init__(
        self, timers: Timers, tick: int, callback: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        self._timers = timers
        self._tick = tick
        self._callback = callback
        self._arguments = arguments

    def cancel(self) -> None:
        """Makes sure that the callback is not called any more; may be called at any time."""
        waiting = self._timers._waiting
        bucket = waiting.get(self._tick)
        if bucket is not None:
            bucket.discard(self)
            if not bucket:
                del waiting[self._tick]


class Timers:
    """Calls back at or after a given time, by 4 ms at most, never before: for deadlines, which are
    many and hardly ever pass."""

    __slots__ = ("_handle", "_loop", "_next", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[int, set[Timer]] = {}
        self._handle: asyncio.TimerHandle | None = None
        self._next = 0
        """The tick that `_handle` is for."""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def at(self, when: float, callback: Callable[..., object], *arguments: Any) -> Timer:
        """Calls `callback(*arguments)` when the loop's time is `when` or a little later.

        A callback must not raise: what it raises goes to the loop's exception handler.
        """
        tick = int(when * _PER_SECOND) + 1
        timer = Timer(self, tick, callback, arguments)
        bucket = self._waiting.get(tick)
        if bucket is None:
            self._waiting[tick] = {timer}
            if self._handle is None or tick < self._next:
                self._arm(tick)
        else:
            bucket.add(timer)
        return timer

    def _arm(self, tick: int) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = tick
        self._handle = self._loop.call_at(tick / _PER_SECOND, self._fire)

    def _fire(self) -> None:
        self._handle = None
        # A loop may be early, by the resolution of its clock.
        now = self._loop.time() * _PER_SECOND
        waiting = self._waiting
        for tick in sorted(tick for tick in waiting if tick <= now):
            bucket = waiting.get(tick, set())
            for timer in tuple(bucket):
                # A callback may have cancelled it.
                if timer in bucket:
                    timer.cancel()
                    self._call(timer)
        if waiting:
            self._arm(min(waiting))

    def _call(self, timer: Timer) -> None:
        try:
            timer._callback(*timer._arguments)
        except Exception as error:
            self._loop.call_exception_handler(
                {"message": "the callback of a timer failed", "exception": error}
            )
