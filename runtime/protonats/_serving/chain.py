"""A server's method and the interceptors around it, composed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from protonats._info import MethodKind
from protonats.interceptors import ServerInterceptor

_Handler: TypeAlias = Callable[[Any, Any], Any]

_NAMES: Final = {
    MethodKind.UNARY: "unary",
    MethodKind.SERVER_STREAM: "server_stream",
    MethodKind.CLIENT_STREAM: "client_stream",
    MethodKind.BIDI_STREAM: "bidi_stream",
}


def chain(
    handler: _Handler, kind: MethodKind, interceptors: Sequence[ServerInterceptor]
) -> _Handler:
    """The handler inside of its interceptors, the first of which is the outermost. Those that leave
    calls of this kind alone cost nothing."""
    name = _NAMES[kind]
    for interceptor in reversed(interceptors):
        if getattr(type(interceptor), name) is not getattr(ServerInterceptor, name):
            handler = _around(getattr(interceptor, name), handler)
    return handler


def _around(intercept: Callable[[Any, Any, _Handler], Any], proceed: _Handler) -> _Handler:
    return lambda request, context: intercept(request, context, proceed)
