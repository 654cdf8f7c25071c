"""What generated code tells the runtime about a service: plain facts, no behaviour."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

RequestT_co = TypeVar("RequestT_co", bound=Message, covariant=True)
ResponseT_co = TypeVar("ResponseT_co", bound=Message, covariant=True)
EventT_co = TypeVar("EventT_co", bound=Message, covariant=True)


class MethodKind(enum.Enum):
    """Which side of a call sends one message, and which sends many."""

    UNARY = "unary"
    """One request, one response."""

    SERVER_STREAM = "server_stream"
    """One request, many responses."""

    CLIENT_STREAM = "client_stream"
    """Many requests, one response."""

    BIDI_STREAM = "bidi_stream"
    """Many requests and many responses, in any order."""


class Idempotency(enum.Enum):
    """What calling a method twice does: the standard option `idempotency_level`."""

    UNKNOWN = "unknown"
    """It may do twice what it does."""

    NO_SIDE_EFFECTS = "no_side_effects"
    """Nothing: it only reads."""

    IDEMPOTENT = "idempotent"
    """No more than calling it once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryInfo:
    """When a failed call is made again."""

    max_attempts: int = 3
    """Attempts in all, the first one included; 1 switches retries off."""

    initial_backoff: float = 0.05
    """Seconds before the second attempt."""

    max_backoff: float = 1.0
    """The most seconds between two attempts."""

    multiplier: float = 2.0
    """What each pause is multiplied with to give the next."""

    attempt_timeout: float | None = None
    """Seconds after which an attempt counts as lost; None: only the deadline of the call ends it.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class HedgingInfo:
    """A second request sent while the first is late."""

    delay: float
    """Seconds before the next request is sent."""

    max_attempts: int = 2
    """Requests in all, the first one included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyInfo:
    """How the answers to calls with an idempotency key are kept."""

    ttl: float = 86400.0
    """Seconds for which the first answer is kept."""

    required: bool = False
    """Whether a call without an idempotency key is refused."""

    fail_open: bool = False
    """Whether calls are let through while the store of answers is away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheInfo:
    """How responses are cached, in an instance and in Redis."""

    ttl: float
    """Seconds for which a response is fresh."""

    local_ttl: float = 0.1
    """Seconds for which an instance keeps it in its own memory."""

    stale_while_revalidate: float = 0.0
    """Seconds after `ttl` in which a stale response is served while a fresh one is fetched."""

    key_fields: tuple[str, ...] = ()
    """The request fields that make the key; none: the whole request."""

    invalidated_by: tuple[EventInfo[Message], ...] = ()
    """The events that make cached responses invalid."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConcurrencyInfo:
    """How many calls of a method one instance runs at once."""

    max_in_flight: int
    """Calls that run at once, 1 or more."""

    max_queued: int = 0
    """Calls that wait for a place beyond those."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodInfo(Generic[RequestT_co, ResponseT_co]):
    """One method of a service."""

    service: str
    """The full name of its service, `acme.billing.v1.BillingService`."""

    name: str
    """The method's name in the schema, `GenerateQuest`."""

    python_name: str
    """The name of the Python method that calls or serves it."""

    subject: str
    """The subject of a call, with `{field}` for values of the request."""

    kind: MethodKind
    """Unary, or one of the three kinds of stream."""

    request: type[RequestT_co]
    """The class of its requests."""

    response: type[ResponseT_co]
    """The class of its responses."""

    timeout: float | None
    """Seconds that a call may take if the caller names no time-out; None: as long as it likes."""

    idempotency_level: Idempotency = Idempotency.UNKNOWN
    """What calling it twice does."""

    retry: RetryInfo = RetryInfo()
    """When a failed call is made again."""

    hedging: HedgingInfo | None = None
    """When a second request is sent; None: never."""

    idempotency: IdempotencyInfo | None = None
    """How answers to calls with an idempotency key are kept; None: the schema says nothing."""

    cache: CacheInfo | None = None
    """How responses are cached; None: not at all."""

    concurrency: ConcurrencyInfo | None = None
    """How many of its calls one instance runs at once; None: no limit but the service's own."""

    audit: bool = False
    """Whether each of its calls leaves a record in the audit trail."""

    @property
    def key(self) -> tuple[str, str]:
        """What the method is counted under in metrics: its service, and its name."""
        return self.service, self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class EventInfo(Generic[EventT_co]):
    """One event message."""

    message: type[EventT_co]
    """The class of the event."""

    subject: str
    """The subject without the key."""

    key_field: str | None
    """The field whose value is the subject's last token, if it has one."""

    durable: bool
    """Whether a stream has to acknowledge it before it counts as published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HandlerInfo:
    """Which method of a server takes an event."""

    python_name: str
    """The name of the Python method, `on_quest_generated`."""

    event: EventInfo[Message]
    """The event that it takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerInfo:
    """A durable consumer that the instances of a service share."""

    durable: str
    """The consumer's name on the server."""

    handlers: tuple[HandlerInfo, ...]
    """The events that it receives, each with its handler."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceInfo:
    """One service: how it is found, what it answers, what it listens to."""

    name: str
    """The name in discovery (ADR-32)."""

    full_name: str
    """The full name of the proto service."""

    domain: str
    """The subject tokens between `svc.` and the version."""

    version: str
    """The semantic version that discovery reports."""

    description: str
    """One sentence for discovery."""

    methods: tuple[MethodInfo[Message, Message], ...]
    """Its methods, in the order of the schema."""

    consumers: tuple[ConsumerInfo, ...] = ()
    """Its durable consumers."""
