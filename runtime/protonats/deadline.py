"""The deadline and trace context of the call that is being handled, which calls made meanwhile
inherit, and its id.

A task started by a handler inherits them too, and keeps them when the handler is done: work that is
to outlive its call runs inside `scope(None)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, overload

from protonats._wire.call import Trace

__all__ = [
    "current",
    "current_call_id",
    "current_context",
    "current_trace",
    "earliest",
    "enter",
    "remaining",
    "scope",
]

_CALL: Final[ContextVar[tuple[float | None, Trace | None, str]]] = ContextVar(
    "protonats_call", default=(None, None, "")
)
"""Deadline, trace context and id of the running call."""


def current() -> float | None:
    """The deadline of the running call, in the event loop's time; None outside of a call."""
    return _CALL.get()[0]


def current_trace() -> str | None:
    """The `traceparent` of the running call; None if it has none."""
    trace = _CALL.get()[1]
    return None if trace is None else trace.traceparent


def current_context() -> Trace | None:
    """The trace context of the running call; None if it has none."""
    return _CALL.get()[1]


def current_call_id() -> str:
    """The id of the running call; empty outside of a call."""
    return _CALL.get()[2]


def remaining() -> float | None:
    """Seconds until the deadline of the running call, 0 if it passed; None outside of a call."""
    deadline = _CALL.get()[0]
    return None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())


@overload
def earliest(timeout: float, now: float | None = None) -> float: ...


@overload
def earliest(timeout: float | None, now: float | None = None) -> float | None: ...


def earliest(timeout: float | None, now: float | None = None) -> float | None:
    """The deadline of a call that may take `timeout` seconds, None: as long as it likes, and is
    made now: the earlier of its own and the running call's, in the event loop's time; None if there
    is neither.

    Args:
        timeout: Seconds.
        now: The event loop's time, from those who hold it: up to Python 3.11, to ask for the
            running loop is a system call.
    """
    inherited = _CALL.get()[0]
    if timeout is None:
        return inherited
    own = (asyncio.get_running_loop().time() if now is None else now) + timeout
    return own if inherited is None else min(own, inherited)


def enter(deadline: float | None, trace: Trace | None, call_id: str) -> None:
    """Makes `deadline`, `trace` and `call_id` those of the running task, to its end."""
    _CALL.set((deadline, trace, call_id))


@contextmanager
def scope(deadline: float | None, trace: str | None = None, call_id: str = "") -> Iterator[None]:
    """Makes `deadline`, `trace` and `call_id` those of the code inside. A `trace` that is no
    `traceparent` of version 00 counts as none."""
    context = None if trace is None else Trace.parse(trace)
    token = _CALL.set((deadline, context, call_id))
    try:
        yield
    finally:
        _CALL.reset(token)
