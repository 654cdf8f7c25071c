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

    timeout: float
    """Seconds that a call may take if the caller names no time-out."""

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
