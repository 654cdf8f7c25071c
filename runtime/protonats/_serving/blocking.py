"""Finds handlers that keep the event loop from running anything else."""

from __future__ import annotations

import asyncio
import logging
import sys
import sysconfig
import threading
import time
from types import FrameType
from typing import Final

from protonats.metrics import Metrics

_logger = logging.getLogger("protonats")

_PAUSE: Final = 1.0
"""Seconds between two reports, at least."""

_OTHER: Final = "other"
_LOOP: Final = ("asyncio.events", "asyncio.base_events", "asyncio.runners")
_OWN: Final = "protonats"
_LIBRARIES: Final = tuple(
    sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


class Watchdog:
    """A thread that asks the event loop for a sign of life, again and again. Where none comes, it
    reports which handler stands where.

    Attributes:
        handlers: The names of the tasks that handle calls; what blocks in others is named after
            its outermost function.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, metrics: Metrics, *, limit: float) -> None:
        """
        Args:
            loop: The loop of the calling thread, that is watched.
            metrics: Where to count.
            limit: Seconds without a sign of life that are reported.
        """
        self.handlers: set[str] = set()
        self._loop = loop
        self._metrics = metrics
        self._limit = limit
        self._watched = threading.get_ident()
        self._stopped = threading.Event()
        self._alive = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="protonats watchdog", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._alive.set()
        self._thread.join()

    def _watch(self) -> None:
        reported = 0.0
        while not self._stopped.wait(self._limit):
            self._alive.clear()
            asked = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(self._alive.set)
            except RuntimeError:
                # The loop is closed.
                return
            while not self._alive.wait(self._limit):
                now = time.monotonic()
                if now - reported >= _PAUSE:
                    reported = now
                    self._report(now - asked)

    def _report(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._watched)
        task = asyncio.current_task(self._loop)
        # It may have gone on just now.
        if frame is None or self._alive.is_set():
            return
        code = _code(frame)
        name = "" if task is None else task.get_name()
        if name not in self.handlers:
            # Events are handled in tasks that go on to the next one.
            name = code[-1].f_code.co_qualname if code else _OTHER
        self._metrics.handler_blocked(name)
        place = code[0] if code else frame
        _logger.warning(
            "%s has blocked the event loop for %.1f s, at %s:%d in %s: nothing else can run; await,"
            " or move the work to a thread",
            name,
            seconds,
            place.f_code.co_filename,
            place.f_lineno,
            place.f_code.co_qualname,
        )


def _code(frame: FrameType | None) -> list[FrameType]:
    """The application's frames below the event loop, the innermost first."""
    code: list[FrameType] = []
    while frame is not None and frame.f_globals.get("__name__") not in _LOOP:
        if not _is_library(frame):
            code.append(frame)
        frame = frame.f_back
    return code


def _is_library(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    if name == _OWN or name.startswith(_OWN + "."):
        return True
    path = frame.f_code.co_filename
    return path.startswith("<frozen") or path.startswith(_LIBRARIES)
