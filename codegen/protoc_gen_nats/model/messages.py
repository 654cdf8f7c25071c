"""Messages and what is in them, enums, events."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from protoc_gen_nats.errors import Place
from protoc_gen_nats.field_rules import FieldRules
from protoc_gen_nats.naming import escape, escape_nested

__all__ = [
    "Cardinality",
    "Enum",
    "EnumValue",
    "Event",
    "Extension",
    "Field",
    "Message",
    "Oneof",
    "TypeRef",
]


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
    """The Python module that is imported for it, `acme.v1.outer_pb2`."""

    qualname: str
    """Its name in that module, `Outer.Inner`."""

    provided: bool = False
    """Whether an installed package has the module, and it is not among the generated ones."""

    @property
    def python_name(self) -> str:
        """Its name in that module's stub, where `class` is `class_`."""
        first, *nested = self.qualname.split(".")
        return ".".join([escape(first), *map(escape_nested, nested)])


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
    presence_oneof: str = ""
    """The oneof that protoc makes up for an `optional` field of proto3."""

    json_name: str = ""
    """Its name in protobuf's JSON mapping."""

    rules: FieldRules | None = None


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
    required: bool = False
    """Whether one of them has to be set."""


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
