"""One method of a service as an instance serves it."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf.message import Message

from protonats._chain import chain
from protonats._info import MethodInfo, ServiceInfo
from protonats._serving.idempotency import Replays
from protonats._serving.limit import Limit
from protonats._serving.validation import Check, check_of
from protonats._wire import subjects
from protonats.interceptors import ServerInterceptor
from protonats.metrics import MethodCalls, Metrics
from protonats.server import CallContext, Server

if TYPE_CHECKING:
    from protonats._caching.served import Caches

Handler: TypeAlias = Callable[[Any, CallContext], Any]
"""Takes a request, or an iterator of them; gives an awaitable of a response, or an iterator."""


@dataclass(slots=True)
class EndpointStats:
    """What discovery reports about an endpoint (ADR-32)."""

    requests: int = 0
    errors: int = 0
    last_error: str = ""
    """The last status that was no success, `13: internal error …`."""

    processing_seconds: float = 0.0
    """All calls together."""

    recent_seconds: float = 0.0
    """What a call took lately: an average in which each further call has a weight of 1/16."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method, who handles it, and what is counted of it."""

    method: MethodInfo[Message, Message]
    handler: Handler
    """The server's method inside of replay, cache and interceptors, the last the outermost."""

    check: Check | None
    """Refuses requests that break a rule of the schema; None where it has no rules."""

    template: subjects.Template
    name: str
    """The method's name in snake_case."""

    task_name: str
    """What the tasks of its calls are called: `acme.billing.v1.BillingService/Charge`."""

    limit: Limit | None
    """How many of its calls run at once; None: no limit but the service's own."""

    replays: bool
    """Whether a call with an idempotency key may get the answer of an earlier one."""

    requires_key: bool
    """Whether a call without an idempotency key is refused."""

    counts: MethodCalls
    """Its calls in metrics."""

    stats: EndpointStats = field(default_factory=EndpointStats)


def endpoints_of(
    server: Server,
    metrics: Metrics,
    *,
    interceptors: Sequence[ServerInterceptor] = (),
    replays: Replays | None = None,
    caches: Caches | None = None,
) -> list[Endpoint]:
    """The endpoints of a server object.

    Args:
        server: The object whose methods handle the calls.
        metrics: Where their calls are counted.
        interceptors: What goes around each of them, the outermost first.
        replays: What is done about idempotency keys; None: nothing.
        caches: Where responses are cached, of methods whose schema says so.

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
        if caches is not None:
            handler = caches.wrap(handler, method)
        if replays is not None:
            handler = replays.wrap(handler, method)
        limit = method.concurrency
        endpoints.append(
            Endpoint(
                method=method,
                handler=chain(interceptors, ServerInterceptor, method.kind, handler) or handler,
                check=check_of(method.request),
                template=subjects.template(method.subject),
                name=_endpoint_name(method.python_name),
                task_name=f"{method.service}/{method.name}",
                limit=Limit(limit.max_in_flight, limit.max_queued) if limit else None,
                replays=replays is not None and replays.applies_to(method),
                requires_key=method.idempotency is not None and method.idempotency.required,
                counts=metrics.server_calls(method.key),
            )
        )
    return endpoints


def _endpoint_name(python_name: str) -> str:
    """The name in snake_case: the Python name, without the underscore that keywords get."""
    plain = python_name.rstrip("_")
    return python_name[:-1] if keyword.iskeyword(plain) and plain != python_name else python_name
