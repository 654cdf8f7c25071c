"""Services with their methods, and the schemas that declare them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from protoc_gen_nats import subjects
from protoc_gen_nats.errors import Place
from protoc_gen_nats.model.messages import Enum, Event, Extension, Message, TypeRef
from protoc_gen_nats.model.policies import (
    CachePolicy,
    ConcurrencyLimit,
    HedgingPolicy,
    IdempotencyPolicy,
    RetryPolicy,
)
from protoc_gen_nats.python_modules import DEFAULTS, PythonOptions

__all__ = [
    "Bucket",
    "Consumer",
    "File",
    "HttpRule",
    "Idempotency",
    "Method",
    "MethodKind",
    "Schema",
    "Service",
]


class MethodKind(enum.Enum):
    """Which side of a call sends one message, and which sends many."""

    UNARY = "unary"
    SERVER_STREAM = "server_stream"
    CLIENT_STREAM = "client_stream"
    BIDI_STREAM = "bidi_stream"


class Idempotency(enum.Enum):
    """What calling a method twice does."""

    UNKNOWN = "unknown"
    NO_SIDE_EFFECTS = "no_side_effects"
    IDEMPOTENT = "idempotent"


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRule:
    """One HTTP route of a method, as `google.api.http` states it."""

    verb: str
    """`GET`, `POST`, …, or a verb of the schema's own."""

    path: str
    """The path template, `/v1/quests/{quest_id}`: see `http_paths`."""

    body: str | None
    """The field of the request that the body holds; `*`: all that are not in the path; None: no
    body, so that the other fields are query parameters."""

    response_body: str | None
    """The field of the response that is the body; None: the whole response."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One RPC."""

    name: str
    full_name: str
    python_name: str
    kind: MethodKind
    request: TypeRef
    response: TypeRef
    subject: str
    """The subject, with `{field}` for values of the request."""

    timeout: float | None
    """Seconds; None: as long as it likes."""

    idempotency_level: Idempotency
    retry: RetryPolicy
    hedging: HedgingPolicy | None
    idempotency: IdempotencyPolicy | None
    cache: CachePolicy | None
    concurrency: ConcurrencyLimit | None
    comment: str
    place: Place
    http: tuple[HttpRule, ...] = ()
    """Its HTTP routes; the first one is the main one."""

    audit: bool = False
    """Whether each call leaves a record in the audit trail."""

    @property
    def filter_subject(self) -> str:
        """The subject that instances subscribe to: a wildcard in place of each parameter."""
        return subjects.listen_subject(self.subject)


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """A durable consumer of a service. None is: the manifest's default."""

    durable: str
    events: tuple[Event, ...]
    ack_wait: float | None
    """Seconds."""

    max_deliver: int | None
    max_ack_pending: int | None
    backoff: tuple[float, ...] | None
    """Seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A JetStream key-value bucket of a service."""

    name: str
    description: str
    history: int
    ttl: float | None
    """Seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One service."""

    proto_name: str
    """Its name in the schema, `QuestService`."""

    full_name: str
    name: str
    """Its name in discovery (ADR-32)."""

    package: str
    """The Python package of its implementation, below `services`."""

    domain: str
    version: str
    description: str
    methods: tuple[Method, ...]
    publishes: tuple[Event, ...]
    """Those it publishes by type."""

    publishes_any: bool
    """Whether it may publish other events too, `publishes: "*"`."""

    consumers: tuple[Consumer, ...]
    buckets: tuple[Bucket, ...]
    calls: tuple[str, ...]
    comment: str
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One schema."""

    path: str
    module: str
    """The Python module of its messages, as users import it."""

    nats_module: str
    """The Python module of its clients and servers."""

    public_imports: tuple[tuple[str, tuple[str, ...]], ...]
    """Modules whose names are also names of this one, and these names."""

    messages: tuple[Message, ...]
    enums: tuple[Enum, ...]
    services: tuple[Service, ...]
    extensions: tuple[Extension, ...]
    """Those that are declared at the top of the file."""

    events: tuple[Event, ...]
    uses: tuple[str, ...] = ()
    """The paths of the other schemas that its messages and methods are made of types of."""

    imports: tuple[str, ...] = ()
    """The paths of the other schemas that its module of messages imports."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """The schemas to generate for, in the order of the request."""

    files: tuple[File, ...]
    python: PythonOptions = DEFAULTS

    @property
    def services(self) -> tuple[Service, ...]:
        """All services of all files."""
        return tuple(service for file in self.files for service in file.services)
