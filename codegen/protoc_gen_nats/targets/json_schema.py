"""Messages as JSON Schema, in protobuf's JSON mapping.

https://protobuf.dev/programming-guides/json/. What is written is understood alike by draft 7
(AsyncAPI 3.0) and by draft 2020-12 (OpenAPI 3.1): a reference has no neighbours, but stands in an
`allOf` where something is said about it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from protoc_gen_nats.model import Cardinality, Enum, Field, Message, Oneof, TypeRef
from protoc_gen_nats.targets.json_rules import constrained, must_be_set
from protoc_gen_nats.targets.type_index import TypeIndex

__all__ = ["STATUS", "JsonSchema", "SchemaComponents", "described", "well_known"]

JsonSchema = dict[str, Any]

STATUS = "google.rpc.Status"
"""The message that says why a call failed."""

_INT32: JsonSchema = {
    "type": "integer",
    "format": "int32",
    "minimum": -(2**31),
    "maximum": 2**31 - 1,
}
_UINT32: JsonSchema = {"type": "integer", "format": "uint32", "minimum": 0, "maximum": 2**32 - 1}
_INT64: JsonSchema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UINT64: JsonSchema = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_FLOAT: JsonSchema = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_SCALARS: Mapping[str, JsonSchema] = {
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "string": {"type": "string"},
    **dict.fromkeys(("double", "float"), _FLOAT),
    **dict.fromkeys(("int32", "sint32", "sfixed32"), _INT32),
    **dict.fromkeys(("uint32", "fixed32"), _UINT32),
    **dict.fromkeys(("int64", "sint64", "sfixed64"), _INT64),
    **dict.fromkeys(("uint64", "fixed64"), _UINT64),
}
_ANY: JsonSchema = {
    "type": "object",
    "required": ["@type"],
    "properties": {"@type": {"type": "string", "description": "The URL of its type."}},
}
_WELL_KNOWN: Mapping[str, JsonSchema] = {
    "Any": _ANY,
    "BoolValue": _SCALARS["bool"],
    "BytesValue": _SCALARS["bytes"],
    "DoubleValue": _FLOAT,
    "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "Empty": {"type": "object"},
    "FieldMask": {"type": "string"},
    "FloatValue": _FLOAT,
    "Int32Value": _INT32,
    "Int64Value": _INT64,
    "ListValue": {"type": "array", "items": {}},
    "NullValue": {"type": "null"},
    "StringValue": _SCALARS["string"],
    "Struct": {"type": "object"},
    "Timestamp": {"type": "string", "format": "date-time"},
    "UInt32Value": _UINT32,
    "UInt64Value": _UINT64,
    "Value": {},
}
"""Types of `google.protobuf` that are written in a way of their own."""

_STATUS: JsonSchema = {
    "type": "object",
    "description": "Why a call failed.",
    "properties": {
        "code": {
            "type": "integer",
            "minimum": 0,
            "maximum": 16,
            "description": "The number of a `google.rpc.Code`.",
        },
        "message": {"type": "string", "description": "What went wrong, for people."},
        "details": {
            "type": "array",
            "items": _ANY,
            "description": "Typed facts about it, such as `google.rpc.BadRequest`.",
        },
    },
}
_INTEGER_KEYS: JsonSchema = {"pattern": "^-?[0-9]+$"}
_KEYS: Mapping[str, JsonSchema] = {"bool": {"enum": ["true", "false"]}, "string": {}}


class SchemaComponents:
    """The schemas of messages and enums, which refer to each other by name.

    What is asked for is noted, and `all` gives that and what it refers to.
    """

    def __init__(self, types: TypeIndex) -> None:
        self._types = types
        self._used: dict[str, tuple[TypeRef | None, JsonSchema | None]] = {}

    def reference(self, type_: TypeRef) -> JsonSchema:
        """The schema of a message or enum: a reference, or that of a well-known type itself."""
        if (known := well_known(type_)) is not None:
            return dict(known)
        return self._reference(type_.full_name, type_)

    def status(self) -> JsonSchema:
        """A reference to the schema of `google.rpc.Status`."""
        return self._reference(STATUS, None)

    def _reference(self, full_name: str, type_: TypeRef | None) -> JsonSchema:
        self._used.setdefault(full_name, (type_, None))
        return {"$ref": f"#/components/schemas/{full_name}"}

    def message(self, type_: TypeRef) -> Message | None:
        """A message by its name, or None if it is in no schema of the project."""
        found = self._types.find(type_)
        return found if isinstance(found, Message) else None

    def all(self) -> dict[str, JsonSchema]:
        """The schemas of all that was asked for, by full name."""
        while unfinished := {n: type_ for n, (type_, done) in self._used.items() if done is None}:
            for name, type_ in unfinished.items():
                self._used[name] = type_, self._component(name, type_)
        found = {name: schema for name, (_, schema) in self._used.items() if schema is not None}
        return {name: found[name] for name in sorted(found)}

    def _component(self, full_name: str, type_: TypeRef | None) -> JsonSchema:
        found = self._types.find(type_) if type_ else None
        if isinstance(found, Enum):
            return _enum(found)
        if found is not None:
            note = {"description": found.comment} if found.comment else {}
            return self.object(found) | note
        if full_name == STATUS:
            return _STATUS
        return {"type": "object", "description": f"The message {full_name}."}

    def object(self, message: Message, without: Collection[str] = ()) -> JsonSchema:
        """The schema of a message's fields.

        Args:
            message: The message.
            without: Names of fields that are left out.
        """
        fields = [field for field in message.fields if field.name not in without]
        schema: JsonSchema = {"type": "object"}
        if fields:
            schema["properties"] = {
                field.json_name: described(self.field(field), field) for field in fields
            }
        if required := [field.json_name for field in fields if must_be_set(field)]:
            schema["required"] = required
        names = {field.name: field.json_name for field in fields}
        choices = [choice for oneof in message.oneofs for choice in _choices(oneof, names)]
        if len(choices) > 1:
            schema["allOf"] = choices
        return schema | choices[0] if len(choices) == 1 else schema

    def field(self, field: Field) -> JsonSchema:
        """The schema of a field's value, with its rules."""
        rules, names = field.rules, self._names(field)
        value = self.reference(field.type) if field.type else dict(_SCALARS[field.kind])
        if field.cardinality is Cardinality.SINGULAR:
            return constrained(value, rules, names)
        value = constrained(value, rules.items if rules else None, names)
        if field.cardinality is Cardinality.REPEATED:
            return constrained({"type": "array", "items": value}, rules, {})
        schema: JsonSchema = {"type": "object", "additionalProperties": value}
        if keys := self._keys(field):
            schema["propertyNames"] = keys
        return constrained(schema, rules, {})

    def _keys(self, field: Field) -> JsonSchema:
        """The schema of the keys of a map, which JSON writes as strings."""
        if field.map_key != "string":
            return _KEYS.get(field.map_key or "", _INTEGER_KEYS)
        rules = field.rules.keys if field.rules else None
        schema = constrained(_SCALARS["string"], rules, {})
        return {} if schema == _SCALARS["string"] else schema

    def _names(self, field: Field) -> Mapping[int, str]:
        """The values of a field's enum by number."""
        enum = self._types.find(field.type) if field.type else None
        return {v.number: v.name for v in enum.values} if isinstance(enum, Enum) else {}


def well_known(type_: TypeRef) -> JsonSchema | None:
    """The schema of a type that JSON writes in a way of its own, or None if it is no such type."""
    package, _, name = type_.full_name.rpartition(".")
    return _WELL_KNOWN.get(name) if package == "google.protobuf" else None


def described(schema: JsonSchema, field: Field) -> JsonSchema:
    """The schema of a field with what the schema file says about it."""
    rules = field.rules
    texts = [field.comment, *(f"Rule: {text}." for text in (rules.messages if rules else ()))]
    notes: JsonSchema = {}
    if text := "\n\n".join(filter(None, texts)):
        notes["description"] = text
    if rules and rules.examples:
        notes["examples"] = list(rules.examples)
    return ({"allOf": [schema]} if notes and "$ref" in schema else schema) | notes


def _enum(enum: Enum) -> JsonSchema:
    names = list(dict.fromkeys(value.name for value in enum.values))
    lines = [f"- `{v.name}`: {' '.join(v.comment.split())}" for v in enum.values if v.comment]
    text = "\n\n".join(filter(None, [enum.comment, "\n".join(lines)]))
    return {"type": "string", "enum": names, **({"description": text} if text else {})}


def _choices(oneof: Oneof, names: Mapping[str, str]) -> Iterator[JsonSchema]:
    """That at most one member is there, or exactly one. `names` has those that may be there."""
    members: list[JsonSchema] = [
        {"required": [names[name]]} for name in oneof.members if name in names
    ]
    complete = len(members) == len(oneof.members)
    if oneof.required and complete:
        yield {"oneOf": members}
    elif len(members) > 1:
        yield {"oneOf": [*members, {"not": {"anyOf": members}}]}
