"""The deadline and trace context of the call that is being handled, which calls made meanwhile
inherit.

A task started by a handler inherits them too, and keeps them when the handler is done: work that is
to outlive its call runs inside `scope(None)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["current", "current_trace", "earliest", "remaining", "scope"]

_DEADLINE: Final[ContextVar[float | None]] = ContextVar("protonats_deadline", default=None)
_TRACE: Final[ContextVar[str | None]] = ContextVar("protonats_trace", default=None)


def current() -> float | None:
    """The deadline of the running call, in the event loop's time; None outside of a call."""
    return _DEADLINE.get()


def current_trace() -> str | None:
    """The `traceparent` of the running call; None if it has none."""
    return _TRACE.get()


def remaining() -> float | None:
    """Seconds until the deadline of the running call, 0 if it passed; None outside of a call."""
    deadline = _DEADLINE.get()
    return None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())


def earliest(timeout: float) -> float:
    """The deadline of a call that may take `timeout` seconds and is made now: the earlier of its
    own and the running call's, in the event loop's time.
    """
    own = asyncio.get_running_loop().time() + timeout
    inherited = _DEADLINE.get()
    return own if inherited is None else min(own, inherited)


@contextmanager
def scope(deadline: float | None, trace: str | None = None) -> Iterator[None]:
    """Makes `deadline` and `trace` those of the code inside."""
    deadline_token = _DEADLINE.set(deadline)
    trace_token = _TRACE.set(trace)
    try:
        yield
    finally:
        _TRACE.reset(trace_token)
        _DEADLINE.reset(deadline_token)
