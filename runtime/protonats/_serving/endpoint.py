"""One method of a service as an instance serves it."""

from __future__ import annotations

import keyword
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from google.protobuf.message import Message

from protonats._info import MethodInfo, ServiceInfo
from protonats._serving.validation import Check, check_of
from protonats._wire import subjects
from protonats.server import CallContext, Server

Handler: TypeAlias = Callable[[Message, CallContext], Awaitable[Message]]


@dataclass(slots=True)
class EndpointStats:
    """What discovery reports about an endpoint (ADR-32)."""

    requests: int = 0
    errors: int = 0
    last_error: str = ""
    """The last status that was no success, `13: internal error …`."""

    processing_seconds: float = 0.0
    """All calls together."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method, who handles it, and what is counted of it."""

    method: MethodInfo[Message, Message]
    handler: Handler
    check: Check | None
    """Refuses requests that break a rule of the schema; None where it has no rules."""

    template: subjects.Template
    name: str
    """The method's name in snake_case."""

    stats: EndpointStats = field(default_factory=EndpointStats)


def endpoints_of(server: Server) -> list[Endpoint]:
    """The endpoints of a server object.

    Raises:
        TypeError: A method of the service is not there.
        ConfigurationError: The schema has validation rules that cannot be checked here.
    """
    info: ServiceInfo = server.__protonats__
    endpoints: list[Endpoint] = []
    for method in info.methods:
        handler: Handler | None = getattr(server, method.python_name, None)
        if not callable(handler):
            raise TypeError(
                f"{type(server).__name__} serves {info.full_name} and has no method"
                f" {method.python_name}"
            )
        endpoints.append(
            Endpoint(
                method=method,
                handler=handler,
                check=check_of(method.request),
                template=subjects.template(method.subject),
                name=_endpoint_name(method.python_name),
            )
        )
    return endpoints


def _endpoint_name(python_name: str) -> str:
    """The name in snake_case: the Python name, without the underscore that keywords get."""
    plain = python_name.rstrip("_")
    return python_name[:-1] if keyword.iskeyword(plain) and plain != python_name else python_name
