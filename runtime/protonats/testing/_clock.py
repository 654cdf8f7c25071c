"""Time that a test moves."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["Clock"]

_BEGIN: Final = 1000.0
_RESOLUTION: Final = 1e-9


class Clock:
    """The time of an event loop that stands still until it is moved.

        clock = Clock()

        async def test() -> None:
            call = asyncio.create_task(client.get_quest(request, timeout=30))
            await clock.advance(31)
            ...

        with asyncio.Runner(loop_factory=clock.new_loop) as runner:
            runner.run(test())

    Everything that the loop times is timed by it: deadlines, back-off, keepalives, `asyncio.sleep`,
    `asyncio.timeout`. Other programs, such as a real nats-server or Redis, and `time.time()` have
    their own time. A `LocalPlatform` that starts or stops lets time pass as it needs it.

    Attributes:
        automatic: Whether time jumps to the next timer by itself when there is nothing else to do.
            So a test passes through hours at once, and never hangs for want of a moved clock.
        patience: Real seconds that sockets are given before time is moved on: 0 is right in one
            process, some hundredths where a real server has to answer first.
    """

    def __init__(self, *, automatic: bool = False, patience: float = 0.0) -> None:
        """The arguments are the attributes."""
        self.automatic = automatic
        self.patience = patience
        self._now = _BEGIN
        self._target: float | None = None
        self._arrived: asyncio.Future[None] | None = None

    @property
    def now(self) -> float:
        """The time of the loop, in seconds."""
        return self._now

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Makes an event loop that has this time: a `loop_factory`."""
        return _ClockLoop(self)

    @property
    def anyio_backend(self) -> tuple[str, dict[str, Callable[[], asyncio.AbstractEventLoop]]]:
        """What a fixture `anyio_backend` returns so that the tests run in this time."""
        return "asyncio", {"loop_factory": self.new_loop}

    async def advance(self, seconds: float) -> None:
        """Moves time on, and returns when everything was done that fell due meanwhile, in order,
        and what followed from it.

        Raises:
            ValueError: `seconds` is negative.
            RuntimeError: The running loop has another time, or is being moved by somebody else.
        """
        if seconds < 0:
            raise ValueError(f"seconds is {seconds!r}: time goes forward")
        loop = asyncio.get_running_loop()
        if not isinstance(loop, _ClockLoop) or loop.clock is not self:
            raise RuntimeError("this loop has another time: make it with Clock.new_loop")
        if self._arrived is not None:
            raise RuntimeError("the clock is being moved already")
        self._target = self._now + seconds
        self._arrived = loop.create_future()
        try:
            await self._arrived
        finally:
            self._target = self._arrived = None

    def _pass(self, seconds: float | None) -> bool:
        """Moves on, where the loop has nothing to do but to wait for its next timer, in `seconds`;
        None if it has none. Whether there is something to do after that."""
        target, arrived = self._target, self._arrived
        if target is None or arrived is None or arrived.done():
            if seconds is None or not self.automatic:
                return False
            self._now += seconds
        elif seconds is not None and self._now + seconds <= target + _RESOLUTION:
            self._now += seconds
        else:
            self._now = max(self._now, target)
            arrived.set_result(None)
        return True


@contextmanager
def passing() -> Iterator[None]:
    """Lets the time of the running loop, where a `Clock` has it, pass by itself meanwhile."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, _ClockLoop):
        yield
        return
    before, loop.clock.automatic = loop.clock.automatic, True
    try:
        yield
    finally:
        loop.clock.automatic = before


class _ClockLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        super().__init__(_ClockSelector(clock))

    def time(self) -> float:
        return self.clock._now


class _ClockSelector(selectors.DefaultSelector):
    """Asked by the loop for what happens at its sockets: with a time-out above 0, or none, just
    where nothing else is left to do."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        events = super().select(self._clock.patience)
        if events or self._clock._pass(timeout):
            return events
        return super().select(None)
