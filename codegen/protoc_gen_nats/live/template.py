"""Example messages to fill in, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

__all__ = ["Template"]

_MAX_DEPTH = 6
_KNOWN: dict[str, Any] = {
    "google.protobuf.Any": {"@type": "type.googleapis.com/…"},
    "google.protobuf.BoolValue": False,
    "google.protobuf.BytesValue": "",
    "google.protobuf.DoubleValue": 0.0,
    "google.protobuf.Duration": "1.5s",
    "google.protobuf.Empty": {},
    "google.protobuf.FieldMask": "field,other.field",
    "google.protobuf.FloatValue": 0.0,
    "google.protobuf.Int32Value": 0,
    "google.protobuf.Int64Value": "0",
    "google.protobuf.ListValue": [],
    "google.protobuf.StringValue": "",
    "google.protobuf.Struct": {},
    "google.protobuf.Timestamp": "2026-05-01T12:00:00Z",
    "google.protobuf.UInt32Value": 0,
    "google.protobuf.UInt64Value": "0",
    "google.protobuf.Value": None,
}
"""The JSON forms that protobuf gives to its own messages."""


@dataclass(slots=True)
class Template:
    """A message with every field, and what may stand in the place of its values.

    Of a oneof the first member is written. Messages inside themselves end at the second time.
    """

    message: Descriptor
    choices: dict[str, str] = field(default_factory=dict)
    """Of fields where there is a choice, by their path: what there is to choose."""

    def value(self) -> Any:
        """The JSON form; it can be read back as it is."""
        self.choices.clear()
        return self._message(self.message, "", ())

    def _message(self, message: Descriptor, path: str, above: tuple[str, ...]) -> Any:
        if message.full_name in _KNOWN:
            return _KNOWN[message.full_name]
        if message.full_name in above or len(above) >= _MAX_DEPTH:
            return {}
        above = (*above, message.full_name)
        return {one.name: self._field(one, path, above) for one in self._fields(message, path)}

    def _fields(self, message: Descriptor, path: str) -> Iterator[FieldDescriptor]:
        for one in message.fields:
            oneof = one.containing_oneof
            # A proto3 `optional` is a oneof of its own.
            if oneof is not None and len(oneof.fields) > 1:
                if one.name != oneof.fields[0].name:
                    continue
                others = ", ".join(other.name for other in oneof.fields[1:])
                self.choices[_joined(path, one.name)] = f"or in its place {others}"
            yield one

    def _field(self, one: FieldDescriptor, path: str, above: tuple[str, ...]) -> Any:
        path = _joined(path, one.name)
        message = one.message_type
        if message is not None and message.GetOptions().map_entry:
            key, value = message.fields_by_name["key"], message.fields_by_name["value"]
            return {_map_key(key): self._single(value, f"{path}.*", above)}
        if one.is_repeated:
            inner = self._single(one, f"{path}[]", above)
            return [] if inner == {} and message is not None else [inner]
        return self._single(one, path, above)

    def _single(self, one: FieldDescriptor, path: str, above: tuple[str, ...]) -> Any:
        if one.message_type is not None:
            return self._message(one.message_type, path, above)
        if one.enum_type is not None:
            return self._enum(one.enum_type, path)
        kind = one.cpp_type
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return ""
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return False
        if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return 0.0
        wide = kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
        return "0" if wide else 0

    def _enum(self, enum: EnumDescriptor, path: str) -> Any:
        if enum.full_name == "google.protobuf.NullValue":
            return None
        names = [value.name for value in enum.values]
        # The first one says as a rule that nothing was chosen.
        chosen = [name for name in names[1:] if name] or names
        note = ", ".join(chosen)
        before = self.choices.get(path)
        self.choices[path] = f"{note}; {before}" if before else note
        return chosen[0]


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _map_key(key: FieldDescriptor) -> str:
    if key.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return "key"
    return "false" if key.cpp_type == FieldDescriptor.CPPTYPE_BOOL else "0"
