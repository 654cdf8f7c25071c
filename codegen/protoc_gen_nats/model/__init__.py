"""The intermediate representation: all that a target may know of a set of schemas.

Every value is settled here (names, subjects, defaults, comments), so that a target only lays it
out. Comments are plain text without the comment signs.
"""

from __future__ import annotations

from protoc_gen_nats.model.messages import (
    Cardinality,
    Enum,
    EnumValue,
    Event,
    Extension,
    Field,
    Message,
    Oneof,
    TypeRef,
)
from protoc_gen_nats.model.policies import (
    CachePolicy,
    ConcurrencyLimit,
    HedgingPolicy,
    IdempotencyPolicy,
    RetryPolicy,
)
from protoc_gen_nats.model.services import (
    Bucket,
    Consumer,
    File,
    HttpRule,
    Idempotency,
    Method,
    MethodKind,
    Schema,
    Service,
)

__all__ = [
    "IR_VERSION",
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
    "HttpRule",
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

IR_VERSION = 1
"""What templates of users rely on: it changes when a name goes or means something else, and not
when one is added."""
