"""`<schema>_pb2.pyi`: types for the message module that protoc writes.

At run time protobuf builds the classes from descriptors; this stub is all that a type checker or an editor
knows of them.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.imports import ModuleImports
from protoc_gen_nats.layout import from_import
from protoc_gen_nats.model import Cardinality, Enum, Field, File, Message, TypeRef
from protoc_gen_nats.render import render as render_template

__all__ = ["render"]

_SCALARS = {
    "double": "float",
    "float": "float",
    "string": "str",
    "bytes": "bytes",
    "bool": "bool",
    **dict.fromkeys(
        (
            *("int32", "int64", "uint32", "uint64", "sint32", "sint64"),
            *("fixed32", "fixed64", "sfixed32", "sfixed64"),
        ),
        "int",
    ),
}
_MESSAGES = ("message", "group")
_BUILTINS = frozenset({"bool", "bytes", "float", "int", "str", "property"})


def render(file: File, modules: Mapping[str, str]) -> GeneratedFile:
    """Renders the stub of one schema.

    Args:
        file: The schema.
        modules: The Python module of every schema of the request, by path.
    """
    messages = list(_flatten(file.messages))
    used = {
        field.type
        for message in messages
        for field in message.fields
        if field.type is not None and field.type.module != file.module
    }
    imports = ModuleImports(used, prefix="_")
    names = _Names(file, imports, messages)
    values = {
        "path": file.path,
        "prelude": [
            *_prelude(file, messages, qualified=names.qualified),
            *imports.lines(),
            *(f"from {modules[path]} import *" for path in file.public_dependencies),
        ],
        "messages": [_message(message, names) for message in file.messages],
        "enums": [_enum(enum) for enum in file.enums],
        "extensions": file.extensions,
        "b": names.prefix,
    }
    path = file.module.replace(".", "/") + ".pyi"
    return GeneratedFile(path=path, content=render_template("python/messages.pyi.j2", values))


def _flatten(messages: tuple[Message, ...]) -> Iterator[Message]:
    for message in messages:
        yield message
        yield from _flatten(message.messages)


def _prelude(file: File, messages: list[Message], *, qualified: bool) -> Iterator[str]:
    """The imports from the standard library and from protobuf."""
    fields = [field for message in messages for field in message.fields]
    containers = {name for field in fields if (name := _container(field)) is not None}
    has_enums = bool(file.enums) or any(message.enums for message in messages)
    overloads = any(len(_oneofs(message)) > 1 for message in messages)
    if qualified:
        yield "import builtins as _builtins"
    if any(name.startswith("Repeated") for name in containers):
        yield "from collections.abc import Iterable as _Iterable"
    if any(name.endswith("Map") for name in containers):
        yield "from collections.abc import Mapping as _Mapping"
    if fields:
        yield "from typing import Literal as _Literal"
    if has_enums:
        yield "from typing import NewType as _NewType"
    if overloads:
        yield "from typing import overload as _overload"
    yield ""
    if messages:
        yield "from google.protobuf.descriptor import Descriptor as _Descriptor"
    if file.extensions:
        yield "from google.protobuf.descriptor import FieldDescriptor as _FieldDescriptor"
    yield "from google.protobuf.descriptor import FileDescriptor as _FileDescriptor"
    for name in sorted(containers):
        yield from_import("google.protobuf.internal.containers", name, f"_{name}")
    if has_enums:
        yield "from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper"
    if messages:
        yield "from google.protobuf.message import Message as _Message"


class _Names:
    """How types are written in one stub."""

    def __init__(self, file: File, imports: ModuleImports, messages: list[Message]) -> None:
        self._module = file.module
        self._imports = imports
        declared = {field.name for message in messages for field in message.fields}
        declared.update(message.name for message in messages)
        self.qualified = bool(declared & _BUILTINS)
        """Whether a field or message is called like a builtin, so that those are written in full."""
        self.prefix = "_builtins." if self.qualified else ""

    def scalar(self, kind: str) -> str:
        """A scalar type."""
        return self.prefix + _SCALARS[kind]

    def type(self, ref: TypeRef) -> str:
        """A message or enum type."""
        return ref.qualname if ref.module == self._module else self._imports.expression(ref)

    def value(self, field: Field) -> str:
        """The type of one value of a field."""
        if field.type is None:
            return self.scalar(field.kind)
        name = self.type(field.type)
        return name if field.kind in _MESSAGES else f"{name}.ValueType"


def _container(field: Field) -> str | None:
    composite = field.kind in _MESSAGES
    if field.cardinality is Cardinality.REPEATED:
        return "RepeatedCompositeFieldContainer" if composite else "RepeatedScalarFieldContainer"
    if field.cardinality is Cardinality.MAP:
        return "MessageMap" if composite else "ScalarMap"
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class _FieldView:
    """A field as the template lays it out."""

    name: str
    type: str
    read_only: bool
    """Whether the attribute cannot be assigned: messages and containers are changed in place."""

    argument: str
    """The type of its keyword argument of the constructor."""

    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _EnumView:
    """An enum as the template lays it out."""

    name: str
    values: list[tuple[str, int, str]]
    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _MessageView:
    """A message as the template lays it out."""

    name: str
    comment: str
    fields: list[_FieldView]
    constants: list[tuple[str, int]]
    messages: list[_MessageView]
    enums: list[_EnumView]
    has_field: list[str]
    """The names that `HasField` takes."""

    clear_field: list[str]
    """The names that `ClearField` takes."""

    oneofs: list[tuple[str, tuple[str, ...]]]
    """Each oneof and its members."""


def _message(message: Message, names: _Names) -> _MessageView:
    oneofs = _oneofs(message)
    groups = [name for name, _ in oneofs]
    return _MessageView(
        name=message.name,
        comment=message.comment,
        fields=[
            _field(field, names) for field in message.fields if not keyword.iskeyword(field.name)
        ],
        constants=[(f"{f.name.upper()}_FIELD_NUMBER", f.number) for f in message.fields],
        messages=[_message(nested, names) for nested in message.messages],
        enums=[_enum(enum) for enum in message.enums],
        has_field=[*(field.name for field in message.fields if field.presence), *groups],
        clear_field=[*(field.name for field in message.fields), *groups],
        oneofs=oneofs,
    )


def _oneofs(message: Message) -> list[tuple[str, tuple[str, ...]]]:
    """The oneofs of a message, those included that protoc makes up for `optional` fields."""
    declared = [(oneof.name, oneof.members) for oneof in message.oneofs]
    return declared + [(f"_{f.name}", (f.name,)) for f in message.fields if f.optional]


def _field(field: Field, names: _Names) -> _FieldView:
    value = names.value(field)
    container = _container(field)
    if field.cardinality is Cardinality.MAP and field.map_key is not None:
        key = names.scalar(field.map_key)
        type_, argument = f"_{container}[{key}, {value}]", f"_Mapping[{key}, {value}]"
    elif field.cardinality is Cardinality.REPEATED:
        type_, argument = f"_{container}[{value}]", f"_Iterable[{value}]"
    else:
        type_ = argument = value
    return _FieldView(
        name=field.name,
        type=type_,
        read_only=container is not None or field.kind in _MESSAGES,
        argument=argument,
        comment=field.comment,
    )


def _enum(enum: Enum) -> _EnumView:
    return _EnumView(
        name=enum.name,
        values=[
            (value.name, value.number, value.comment)
            for value in enum.values
            if not keyword.iskeyword(value.name)
        ],
        comment=enum.comment,
    )
