"""Interceptors around calls, put together once for each client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from protonats.interceptors import ClientInterceptor

ProceedT = TypeVar("ProceedT", bound=Callable[..., Any])

Kind = Literal["unary", "server_stream", "client_stream", "bidi_stream"]


def chain(
    interceptors: Sequence[ClientInterceptor], kind: Kind, innermost: ProceedT
) -> ProceedT | None:
    """The calls of one kind as the interceptors that care for it see them; None if none does.

    Args:
        interceptors: The first one is the outermost.
        kind: The name of their method.
        innermost: What makes the call.
    """
    proceed: Any = innermost
    for interceptor in reversed(interceptors):
        if getattr(type(interceptor), kind) is not getattr(ClientInterceptor, kind):
            proceed = partial(getattr(interceptor, kind), proceed=proceed)
    return None if proceed is innermost else proceed
