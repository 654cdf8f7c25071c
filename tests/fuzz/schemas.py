"""Random sets of schemas that protoc compiles, with names, paths and comments that are awkward."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    Edition,
    EnumDescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from hypothesis import strategies as st

from protoc_gen_nats.building.defaults import default_operation
from protoc_gen_nats.naming import member_name, publisher_name
from protoc_gen_nats.python_modules import PythonOptions
from protonats.v1 import options_pb2
from tests.fuzz.awkward import COMMENTS, FOLDERS, IDENTIFIERS

__all__ = ["SchemaDraft", "schema_sets"]

_F = FieldDescriptorProto
_SCALARS = [kind for kind in _F.Type.values() if kind not in (10, 11, 14)]
_KEYS = [_F.TYPE_STRING, _F.TYPE_BOOL, _F.TYPE_INT32, _F.TYPE_UINT64, _F.TYPE_SFIXED32]
_WELL_KNOWN = {
    ".google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    ".google.protobuf.Struct": "google/protobuf/struct.proto",
    ".google.type.Money": "google/type/money.proto",
    ".google.longrunning.Operation": "google/longrunning/operations.proto",
}
_SYNTAXES = ("proto2", "proto3", "2023", "2024")
_roots = itertools.count()

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class SchemaDraft:
    """A set of schemas, imported ones before their importers, and where its modules are."""

    root: str
    """What all its paths and packages begin with, so that many sets fit in one process."""

    python: PythonOptions
    files: list[FileDescriptorProto] = field(default_factory=list)


@st.composite
def schema_sets(draw: Draw) -> SchemaDraft:
    """One to three schemas that import each other, in all syntaxes, with services and events."""
    draft = SchemaDraft(f"x{next(_roots)}", PythonOptions())
    prefix = draw(st.sampled_from(["", "", "gen", "deep.gen"]))
    draft.python = PythonOptions(
        imports=draw(st.sampled_from(["absolute", "absolute", "relative"])),
        package_prefix=f"p{draft.root}.{prefix}" if prefix else "",
        init_files=draw(st.booleans()),
    )
    messages: list[str] = []
    for index in range(draw(st.integers(1, 3))):
        _FileBuilder(draw, draft, index, messages).build()
    return draft


class _Names:
    """The names of one scope, of which protoc wants no two alike."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._taken: set[str] = set()

    def fresh(self, *keys: Callable[[str], str]) -> str:
        """A name that none of the names so far is like, nor its `keys` like theirs."""
        name = self._draw(IDENTIFIERS)
        for number in itertools.count():
            one = f"{name}{f'Q{number}' if number else ''}"
            claimed = {_plain(one), *(f"{key.__name__}:{key(one)}" for key in keys)}
            if not claimed & self._taken:
                self._taken |= claimed
                return one
        raise AssertionError("unreachable")

    def claim(self, name: str) -> bool:
        """Takes a name if it is free."""
        free = _plain(name) not in self._taken
        self._taken.add(_plain(name))
        return free


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


class _FileBuilder:
    """Builds one schema of a set."""

    def __init__(self, draw: Draw, draft: SchemaDraft, index: int, messages: list[str]) -> None:
        self._draw = draw
        self._draft = draft
        self._messages = messages
        """The full names of all messages of the set that can be named here."""

        self._syntax = draw(st.sampled_from(_SYNTAXES))
        self._enums: list[str] = []
        self._extendable: list[str] = []
        self._events = 0
        self._extension_number = 100
        folder = "/".join(draw(st.lists(st.sampled_from(FOLDERS), max_size=2)))
        stem = draw(st.sampled_from(["x", "class", "1", "b.c", "x-y", "über", "x+"]))
        path = "/".join(filter(None, [draft.root, folder, f"{stem}{index}.proto"]))
        package = f"{draft.root}.p{index}" + draw(st.sampled_from(["", ".v1", ".class.v2", "._a"]))
        self._file = FileDescriptorProto(name=path, package=package)
        self._names = _Names(draw)

    def build(self) -> None:
        """Adds the schema to the set."""
        file, draw = self._file, self._draw
        self._set_syntax()
        for index in range(draw(st.integers(0, 3))):
            self._message(file.message_type.add(), self._names, f".{file.package}", (4, index), 0)
        for index in range(draw(st.integers(0, 2))):
            self._enum(file.enum_type.add(), self._names, f".{file.package}", (5, index))
        for message in file.message_type:
            self._fields(message, f".{file.package}.{message.name}")
        self._extensions(file.extension, self._names)
        for index in range(draw(st.integers(0, 2)) if self._messages else 0):
            self._service(file.service.add(), (6, index))
        earlier = [one.name for one in self._draft.files]
        used = {*earlier, "protonats/v1/options.proto"} if earlier or self._events else set()
        text = str(file)
        used |= {path for name, path in _WELL_KNOWN.items() if f'"{name}"' in text}
        file.dependency.extend(sorted(used - {"protonats/v1/options.proto"}))
        if self._events:
            file.dependency.append("protonats/v1/options.proto")
        for index, path in enumerate(file.dependency):
            if path in earlier and draw(st.integers(0, 3)) == 0:
                file.public_dependency.append(index)
        self._draft.files.append(file)

    def _set_syntax(self) -> None:
        if self._syntax == "proto3":
            self._file.syntax = "proto3"
        elif self._syntax in ("2023", "2024"):
            self._file.syntax = "editions"
            self._file.edition = Edition.Value(f"EDITION_{self._syntax}")
            features = self._file.options.features
            if self._draw(st.booleans()):
                features.field_presence = FeatureSet.IMPLICIT
            if self._syntax == "2024":
                features.enforce_naming_style = FeatureSet.STYLE_LEGACY
                features.default_symbol_visibility = FeatureSet.VisibilityFeature.EXPORT_ALL

    def _comment(self, path: Sequence[int]) -> None:
        if self._draw(st.booleans()):
            place = self._file.source_code_info.location.add(path=path, span=[1, 1, 2])
            place.leading_comments = self._draw(COMMENTS)

    def _message(
        self, proto: DescriptorProto, names: _Names, scope: str, path: tuple[int, ...], depth: int
    ) -> None:
        """A message without its fields, and those nested in it."""
        proto.name = names.fresh(publisher_name)
        self._comment(path)
        full_name = f"{scope}.{proto.name}"
        own = _Names(self._draw)
        for index in range(self._draw(st.integers(0, 2)) if depth < 3 else 0):
            self._message(proto.nested_type.add(), own, full_name, (*path, 3, index), depth + 1)
        if self._draw(st.booleans()):
            self._enum(proto.enum_type.add(), own, full_name, (*path, 4, 0))
        for index in range(self._draw(st.integers(0, 4))):
            proto.field.add(name=own.fresh(), number=index + 1)
            self._comment((*path, 2, index))
        if self._syntax != "proto3" and self._draw(st.booleans()):
            proto.extension_range.add(start=100, end=200)
            self._extendable.append(full_name)
            self._extensions(proto.extension, own)
        elif depth == 0 and self._draw(st.booleans()):
            self._events += 1
            subject = (
                f"evt.{self._draft.root}.{self._file.package.count('.')}.{len(self._messages)}"
            )
            proto.options.Extensions[options_pb2.event].subject = subject
        self._messages.append(full_name)
        proto.reserved_name.extend([])

    def _enum(
        self, proto: EnumDescriptorProto, names: _Names, scope: str, path: tuple[int, ...]
    ) -> None:
        proto.name = names.fresh()
        self._comment(path)
        self._enums.append(f"{scope}.{proto.name}")
        for index in range(self._draw(st.integers(1, 3))):
            # proto3 refuses values that are alike without the name of the enum.
            proto.value.add(name=f"{names.fresh()}_{proto.name}{index}", number=index)
            self._comment((*path, 2, index))

    def _fields(self, message: DescriptorProto, full_name: str) -> None:
        for nested in list(message.nested_type):
            self._fields(nested, f"{full_name}.{nested.name}")
        taken = _Names(self._draw)
        for nested in message.nested_type:
            taken.claim(nested.name)
        optional: list[FieldDescriptorProto] = []
        is_closed = False
        for one in message.field:
            shape = self._draw(st.sampled_from(["one", "one", "many", "map", "oneof", "optional"]))
            entry = "".join(part[:1].upper() + part[1:] for part in one.name.split("_")) + "Entry"
            # Python's protobuf refuses a name such as 4xEntry, which protoc makes of _4x.
            if shape == "map" and not entry[0].isdigit() and taken.claim(entry):
                self._map(message, one, full_name, entry)
                is_closed = bool(message.oneof_decl)
                continue
            self._type(one)
            one.label = _F.LABEL_REPEATED if shape == "many" else _F.LABEL_OPTIONAL
            if shape == "oneof" and not is_closed:
                if not message.oneof_decl:
                    message.oneof_decl.add(name=f"{message.field[0].name}Choice")
                one.oneof_index = 0
            elif shape == "optional":
                optional.append(one)
            # The fields of a oneof stand together.
            is_closed = bool(message.oneof_decl) and not one.HasField("oneof_index")
        for one in optional:
            self._optional(message, one)

    def _optional(self, message: DescriptorProto, one: FieldDescriptorProto) -> None:
        if self._syntax == "proto3":
            one.proto3_optional = True
            one.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{one.name}")
        elif self._syntax == "proto2":
            one.label = _F.LABEL_REQUIRED
        elif one.type == _F.TYPE_MESSAGE:
            one.options.features.message_encoding = FeatureSet.DELIMITED
        else:
            one.options.features.field_presence = FeatureSet.LEGACY_REQUIRED

    def _map(
        self, message: DescriptorProto, one: FieldDescriptorProto, full_name: str, name: str
    ) -> None:
        entry = message.nested_type.add(name=name)
        entry.options.map_entry = True
        key = self._draw(st.sampled_from(_KEYS))
        entry.field.add(name="key", number=1, type=key, label=_F.LABEL_OPTIONAL)
        value = entry.field.add(name="value", number=2, label=_F.LABEL_OPTIONAL)
        self._type(value)
        one.type, one.label = _F.TYPE_MESSAGE, _F.LABEL_REPEATED
        one.type_name = f"{full_name}.{name}"

    def _type(self, one: FieldDescriptorProto) -> None:
        kind = self._draw(st.sampled_from(["scalar", "scalar", "message", "enum", "known"]))
        if kind == "message" and self._messages:
            one.type, one.type_name = _F.TYPE_MESSAGE, self._draw(st.sampled_from(self._messages))
        elif kind == "enum" and self._enums:
            one.type, one.type_name = _F.TYPE_ENUM, self._draw(st.sampled_from(self._enums))
        elif kind == "known":
            one.type, one.type_name = _F.TYPE_MESSAGE, self._draw(st.sampled_from([*_WELL_KNOWN]))
        else:
            one.type = self._draw(st.sampled_from(_SCALARS))

    def _extensions(self, into: Any, names: _Names) -> None:
        if not self._extendable or self._draw(st.booleans()):
            return
        one = into.add(name=names.fresh(), number=self._extension_number)
        self._extension_number += 1
        one.extendee = self._draw(st.sampled_from(self._extendable))
        one.label = self._draw(st.sampled_from([_F.LABEL_OPTIONAL, _F.LABEL_REPEATED]))
        self._type(one)

    def _service(self, proto: ServiceDescriptorProto, path: tuple[int, ...]) -> None:
        proto.name = self._names.fresh()
        self._comment(path)
        names = _Names(self._draw)
        for index in range(self._draw(st.integers(0, 4))):
            method = proto.method.add(name=names.fresh(member_name, default_operation))
            types = st.sampled_from([*self._messages, *_WELL_KNOWN])
            method.input_type, method.output_type = self._draw(types), self._draw(types)
            method.client_streaming = self._draw(st.booleans())
            method.server_streaming = self._draw(st.booleans())
            self._comment((*path, 2, index))
