"""Interceptors around calls, of a client or of a server, put together once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from protonats._info import MethodKind

ProceedT = TypeVar("ProceedT", bound=Callable[..., Any])


def chain(
    interceptors: Sequence[object], base: type, kind: MethodKind, innermost: ProceedT
) -> ProceedT | None:
    """The calls of one kind as the interceptors that care for it see them; None if none does.

    Args:
        interceptors: The first one is the outermost.
        base: Their base class, whose methods let calls pass.
        kind: Which calls; the method for them is named as the kind's value.
        innermost: What makes the call, or handles it.
    """
    name = kind.value
    proceed: Any = innermost
    for interceptor in reversed(interceptors):
        if getattr(type(interceptor), name) is not getattr(base, name):
            proceed = _around(getattr(interceptor, name), proceed)
    return None if proceed is innermost else proceed


def _around(intercept: Callable[..., Any], proceed: Callable[..., Any]) -> Callable[..., Any]:
    return lambda request, call: intercept(request, call, proceed)
