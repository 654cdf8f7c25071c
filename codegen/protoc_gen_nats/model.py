"""The intermediate representation: all that a target may know of a set of schemas.

Every value is settled here (names, subjects, defaults, comments), so that a target only lays it
out. Comments are plain text without the comment signs.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from protoc_gen_nats import subjects
from protoc_gen_nats.errors import Place
from protoc_gen_nats.naming import escape

__all__ = [
    "Bucket",
    "CachePolicy",
    "Cardinality",
    "ConcurrencyLimit",
    "Consumer",
    "Enum",
    "EnumValue",
    "Event",
    "Extension",
    "Field",
    "File",
    "HedgingPolicy",
    "Idempotency",
    "IdempotencyPolicy",
    "Message",
    "Method",
    "MethodKind",
    "Oneof",
    "RetryPolicy",
    "Schema",
    "Service",
    "TypeRef",
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


class Cardinality(enum.Enum):
    """How many values a field holds."""

    SINGULAR = "singular"
    REPEATED = "repeated"
    MAP = "map"


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeRef:
    """A message or enum, and where Python finds it."""

    full_name: str
    """Its full name in the schema, `acme.v1.Outer.Inner`."""

    module: str
    """The Python module, `acme.v1.outer_pb2`."""

    qualname: str
    """Its name in that module, `Outer.Inner`."""

    @property
    def python_name(self) -> str:
        """Its name in that module's stub, where `class` is `class_`."""
        return ".".join(map(escape, self.qualname.split(".")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    number: int
    kind: str
    """Its type in the schema's words: `string`, `int32`, …, `message`, `group` or `enum`. Of a map:
    that of its values."""

    type: TypeRef | None
    """The message or enum, where the kind is one. Of a map: that of its values."""

    cardinality: Cardinality
    map_key: str | None
    """Of a map: the type of its keys."""

    presence: bool
    """Whether `HasField` can be asked."""

    optional: bool
    """Whether it is declared with proto3's `optional`."""

    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Extension:
    """A field that is declared outside the message that has it."""

    field: Field
    extendee: TypeRef
    """The message that has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Oneof:
    """A group of fields of which at most one is set."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class EnumValue:
    """One value of an enum."""

    name: str
    number: int
    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Enum:
    """An enum."""

    name: str
    ref: TypeRef
    values: tuple[EnumValue, ...]
    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A message that is published."""

    ref: TypeRef
    name: str
    subject: str
    """The subject without the key."""

    key_field: str | None
    durable: bool
    comment: str
    place: Place

    @property
    def filter_subject(self) -> str:
        """The subject pattern that all its messages match, and those of no other event."""
        return f"{self.subject}.*" if self.key_field else self.subject


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message type. Map entries are no messages of their own."""

    name: str
    ref: TypeRef
    fields: tuple[Field, ...]
    oneofs: tuple[Oneof, ...]
    messages: tuple[Message, ...]
    enums: tuple[Enum, ...]
    extensions: tuple[Extension, ...]
    """Those that are declared in it, of whatever message."""

    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """When a failed call is made again. Times are seconds, here and in the other policies."""

    max_attempts: int = 3
    """The first one included."""

    initial_backoff: float = 0.05
    max_backoff: float = 1.0
    multiplier: float = 2.0
    attempt_timeout: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HedgingPolicy:
    """When a second request is sent while the first is late."""

    delay: float
    max_attempts: int = 2
    """The first one included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyPolicy:
    """How answers are kept for calls with an idempotency key."""

    ttl: float = 86400.0
    required: bool = False
    fail_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CachePolicy:
    """How responses are cached."""

    ttl: float
    local_ttl: float = 0.1
    stale_while_revalidate: float = 0.0
    key_fields: tuple[str, ...] = ()
    """None: the whole request."""

    invalidated_by: tuple[Event, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ConcurrencyLimit:
    """How many calls one instance runs at once."""

    max_in_flight: int
    max_queued: int = 0


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
    """The Python module that protoc writes for it."""

    public_imports: tuple[tuple[str, tuple[str, ...]], ...]
    """Modules whose names are also names of this one, and these names."""

    messages: tuple[Message, ...]
    enums: tuple[Enum, ...]
    services: tuple[Service, ...]
    extensions: tuple[Extension, ...]
    """Those that are declared at the top of the file."""

    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """The schemas to generate for, in the order of the request."""

    files: tuple[File, ...]

    @property
    def services(self) -> tuple[Service, ...]:
        """All services of all files."""
        return tuple(service for file in self.files for service in file.services)
