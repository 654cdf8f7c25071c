"""Rules of messages: what readers and writers of another version still understand.

They are those of buf's categories WIRE and WIRE_JSON, except that a type is found by its name, in
whatever file it is, and that a message or enum that is gone is reported too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FeatureSet, FieldDescriptorProto

from protoc_gen_nats.comparing.enums import removed_names, unreserved
from protoc_gen_nats.comparing.findings import Finding
from protoc_gen_nats.comparing.reporting import Comparison
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.descriptors import Path, SchemaFile

__all__ = ["compare_messages"]

_WIRE_GROUPS = (
    ("int32", "int64", "uint32", "uint64", "bool"),
    ("sint32", "sint64"),
    ("fixed32", "sfixed32"),
    ("fixed64", "sfixed64"),
)
_JSON_GROUPS = (
    ("int32", "uint32"),
    ("int64", "uint64"),
    ("fixed32", "sfixed32"),
    ("fixed64", "sfixed64"),
)
"""Types that are written alike (protobuf.dev, "Updating A Message Type")."""

_KINDS: Mapping[int, str] = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()
}
Found = tuple[SchemaFile, Path, DescriptorProto]


def compare_messages(comparison: Comparison) -> Iterator[Finding]:
    """Compares all messages of both states."""
    now = dict(_messages(comparison.after))
    for name, (file, _, message) in _messages(comparison.before):
        if name in now:
            yield from _Message(comparison, name, (file, message), now[name]).findings()


def _messages(snapshot: Snapshot) -> Iterator[tuple[str, Found]]:
    """All messages of the project's own schemas, by full name."""
    for file in snapshot.files.values():
        for path, name, message in file.messages():
            yield file.full_name(name), (file, path, message)


class _Message:
    """One message in both states."""

    def __init__(
        self,
        comparison: Comparison,
        name: str,
        before: tuple[SchemaFile, DescriptorProto],
        after: Found,
    ) -> None:
        self._comparison = comparison
        self._name = name
        self._package = before[0].proto.package
        self._old = before[1]
        self._file, self._path, self._new = after

    def findings(self) -> Iterator[Finding]:
        """What is no longer understood."""
        old = {field.number: field for field in self._old.field}
        new = {field.number: (i, field) for i, field in enumerate(self._new.field)}
        for number, field in old.items():
            if number in new:
                yield from self._changed(field, *new[number])
            else:
                yield from self._removed(field)
        yield from self._required(old, {number: field for number, (_, field) in new.items()})
        if freed := [
            *unreserved(self._old.reserved_range, self._new.reserved_range, "reserved numbers"),
            *removed_names(self._old.reserved_name, self._new.reserved_name),
        ]:
            text = f"{' and '.join(freed)} may be used again, with another meaning"
            yield self._finding("RESERVED_REMOVED", text)

    def _finding(self, rule: str, text: str, index: int = -1, name: str = "") -> Finding:
        path = self._path if index < 0 else (*self._path, 2, index)
        if self._new.options.map_entry:
            path, name, text = self._of_map(name, text)
        users = (
            *self._comparison.before.users(self._name),
            *self._comparison.after.users(self._name),
        )
        holder = self._name.rpartition(".")[0] if self._new.options.map_entry else self._name
        element = f"{holder}.{name}" if name else holder
        place = self._file.place(path)
        return self._comparison.finding(rule, element, place, text, users, package=self._package)

    def _of_map(self, name: str, text: str) -> tuple[Path, str, str]:
        """Where the map is that this message is the entry of, what it is called, and what is said
        about its `key` or `value`."""
        found = self._comparison.after.schemas.message(self._name.rpartition(".")[0])
        assert found is not None  # protoc declares an entry inside of what has the map
        _, path, holder = found
        for index, field in enumerate(holder.field):
            if field.type_name == f".{self._name}":
                return (*path, 2, index), field.name, text.replace("its", f"of its {name}s the", 1)
        return path, name, text

    def _removed(self, field: FieldDescriptorProto) -> Iterator[Finding]:
        label = f"field {field.name} = {field.number} is gone"
        if not any(r.start <= field.number < r.end for r in self._new.reserved_range):
            text = f"{label}, and its number may be used again: write `reserved {field.number};`"
            yield self._finding("FIELD_REMOVED", text, name=field.name)
        if field.name not in self._new.reserved_name:
            text = f'{label}, and its name may be used again: write `reserved "{field.name}";`'
            yield self._finding("FIELD_NAME_FREED", text, name=field.name)

    def _required(
        self,
        old: Mapping[int, FieldDescriptorProto],
        new: Mapping[int, FieldDescriptorProto],
    ) -> Iterator[Finding]:
        before = {number for number, field in old.items() if _is_required(field)}
        after = {number for number, field in new.items() if _is_required(field)}
        for number in sorted(before - new.keys()):
            text = (
                f"{old[number].name} was required: messages without it are refused by old readers"
            )
            yield self._finding("FIELD_REQUIRED_CHANGED", text, name=old[number].name)
        for number in sorted(after - old.keys()):
            text = f"{new[number].name} is required now: messages of old writers lack it"
            yield self._finding("FIELD_REQUIRED_CHANGED", text, name=new[number].name)

    def _changed(
        self, old: FieldDescriptorProto, index: int, new: FieldDescriptorProto
    ) -> Iterator[Finding]:
        if old.name != new.name:
            text = f"field {old.number} was called {old.name}, and is {new.name} now"
            yield self._finding("FIELD_NAME_CHANGED", text, index, old.name)
        elif old.json_name != new.json_name:
            text = f"it was {old.json_name!r} in JSON, and is {new.json_name!r} now"
            yield self._finding("FIELD_NAME_CHANGED", text, index, old.name)
        was, now = _shape(self._comparison.before, old), _shape(self._comparison.after, new)
        if was != now:
            text = f"it was {was}, and is {now} now"
            yield self._finding("FIELD_CARDINALITY_CHANGED", text, index, old.name)
        yield from self._type_changed(old, index, new)
        before, after = _oneof(self._old, old), _oneof(self._new, new)
        if before != after:
            text = f"it was {before or 'in no oneof'}, and is {after or 'in none'} now"
            yield self._finding("FIELD_ONEOF_CHANGED", text, index, old.name)
        if old.default_value != new.default_value:
            text = f"its default was {old.default_value!r}, and is {new.default_value!r} now"
            yield self._finding("FIELD_DEFAULT_CHANGED", text, index, old.name)

    def _type_changed(
        self, old: FieldDescriptorProto, index: int, new: FieldDescriptorProto
    ) -> Iterator[Finding]:
        before, after = self._comparison.before, self._comparison.after
        was, now = _kind(before, self._name, old), _kind(after, self._name, new)
        rule, detail = "", ""
        if was != now:
            wire = _alike(was, now, _WIRE_GROUPS) or (was, now) == ("string", "bytes")
            if not wire:
                rule = "FIELD_TYPE_CHANGED"
            elif not _alike(was, now, _JSON_GROUPS):
                rule, detail = "FIELD_JSON_TYPE_CHANGED", ", which JSON writes differently"
        elif old.type_name != new.type_name and not _same_entry(before, after, old, new):
            lost = _lost_values(before, after, old, new) if was == "enum" else ""
            if was != "enum" or lost:
                rule, detail = "FIELD_TYPE_CHANGED", lost
        if rule:
            text = f"its type was {_type(was, old)}, and is {_type(now, new)} now{detail}"
            yield self._finding(rule, text, index, old.name)


def _alike(one: str, other: str, groups: tuple[tuple[str, ...], ...]) -> bool:
    return any(one in group and other in group for group in groups)


def _type(kind: str, field: FieldDescriptorProto) -> str:
    return field.type_name.removeprefix(".") or kind


def _kind(snapshot: Snapshot, message: str, field: FieldDescriptorProto) -> str:
    """The type as it is written: a message whose encoding is delimited is a group."""
    descriptor: FieldDescriptor = snapshot.pool.FindMessageTypeByName(message).fields_by_name[
        field.name
    ]
    return _KINDS[descriptor.type]


def _shape(snapshot: Snapshot, field: FieldDescriptorProto) -> str:
    if snapshot.schemas.map_entry(field.type_name):
        return "a map"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return "repeated"
    return "required" if _is_required(field) else "a single value"


def _is_required(field: FieldDescriptorProto) -> bool:
    return (
        field.label == FieldDescriptorProto.LABEL_REQUIRED
        or field.options.features.field_presence == FeatureSet.LEGACY_REQUIRED
    )


def _oneof(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    """The oneof that a field is in; one that only stands for `optional` is none."""
    if not field.HasField("oneof_index") or field.proto3_optional:
        return ""
    return f"in oneof {message.oneof_decl[field.oneof_index].name}"


def _same_entry(
    before: Snapshot, after: Snapshot, old: FieldDescriptorProto, new: FieldDescriptorProto
) -> bool:
    """Whether both are maps: the entries of a map that is called otherwise have another name, and
    their fields are compared as those of any message where they have the same."""
    return bool(before.schemas.map_entry(old.type_name) and after.schemas.map_entry(new.type_name))


def _lost_values(
    before: Snapshot, after: Snapshot, old: FieldDescriptorProto, new: FieldDescriptorProto
) -> str:
    """What another enum does not have, as the end of a sentence, or an empty text."""
    had = before.pool.FindEnumTypeByName(old.type_name.removeprefix(".")).values
    has = after.pool.FindEnumTypeByName(new.type_name.removeprefix(".")).values
    kept = {(value.name, value.number) for value in has}
    lost = [value.name for value in had if (value.name, value.number) not in kept]
    return f", without {', '.join(lost)}" if lost else ""
