"""`<schema>_pb2.pyi`: types for the message module that protoc writes.

At run time protobuf builds the classes from descriptors; this stub is all that a type checker or an
editor knows of them.
"""

from __future__ import annotations

import keyword
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.model import Cardinality, Enum, EnumValue, Extension, Field, File, Message
from protoc_gen_nats.naming import is_member
from protoc_gen_nats.python_modules import PythonOptions
from protoc_gen_nats.rendering.layout import WIDTH, TypeExpr, from_import
from protoc_gen_nats.rendering.templates import render as render_template
from protoc_gen_nats.rendering.text import string_literal
from protoc_gen_nats.targets.python_types import (
    MESSAGES,
    StubTypes,
    all_enums,
    all_extensions,
    all_fields,
    all_messages,
    class_name,
    container,
    scope_of,
    scope_of_module,
)

__all__ = ["path_of", "render"]

_ENUM_MEMBERS = frozenset({"DESCRIPTOR", "Name", "Value", "items", "keys", "values"})
"""What every enum has; a value of that name is reached with `Value` alone."""


def path_of(file: File) -> str:
    """Where the stub of one schema is."""
    return file.module.replace(".", "/") + ".pyi"


def render(file: File, python: PythonOptions) -> GeneratedFile:
    """Renders the stub of one schema."""
    types = StubTypes(file, within=file.module if python.relative else None)
    values = {
        "path": file.path,
        "standard_imports": list(_standard_imports(file, types)),
        "imports": [
            *sorted([*_protobuf_imports(file, types.private), *types.imports.lines()], key=_place),
            *(types.imports.re_export(module, names) for module, names in types.re_exports),
        ],
        "messages": [_message(message, types) for message in file.messages],
        "enums": [_enum(enum, types) for enum in file.enums],
        "constants": _constants((e.field for e in file.extensions), set(scope_of_module(file))),
        "extensions": _extensions(file.extensions, types),
        "has_descriptor": "DESCRIPTOR" not in scope_of_module(file),
        "b": types.builtins,
        "p": types.private,
        "int": TypeExpr(f"{types.builtins}int"),
        "width": WIDTH,
    }
    return GeneratedFile(
        path=path_of(file), content=render_template("python/messages.pyi.j2", values)
    )


def _standard_imports(file: File, types: StubTypes) -> Iterator[str]:
    """The imports from the standard library."""
    messages = list(all_messages(file.messages))
    fields = [field for message in messages for field in message.fields]
    refs = [message.ref for message in messages] + [enum.ref for enum in all_enums(file)]
    private = types.private
    if types.qualified:
        yield f"import builtins as {private}builtins"
    if any(field.cardinality is Cardinality.REPEATED for field in fields):
        yield f"from collections.abc import Iterable as {private}Iterable"
    if any(field.cardinality is Cardinality.MAP for field in fields):
        yield f"from collections.abc import Mapping as {private}Mapping"
    if fields:
        yield f"from typing import Literal as {private}Literal"
    if all_enums(file):
        yield f"from typing import NewType as {private}NewType"
    if any(len(_oneofs(message)) > 1 for message in messages):
        yield f"from typing import overload as {private}overload"
    if any(ref.python_name != ref.qualname for ref in refs):
        yield f"from typing import type_check_only as {private}type_check_only"


def _place(line: str) -> tuple[bool, str]:
    """Where an import stands among the others: relative ones last."""
    return line.startswith("from ."), line


def _protobuf_imports(file: File, private: str) -> Iterator[str]:
    """The imports from protobuf."""
    containers = {container(field) for field in all_fields(file)} - {None}
    names = [("descriptor", "FileDescriptor", "")]
    names += [("internal.containers", f"{name}", "") for name in containers]
    if all_enums(file):
        names.append(("internal.enum_type_wrapper", "EnumTypeWrapper", "_"))
    if all_extensions(file):
        names.append(("internal.extension_dict", "ExtensionFieldDescriptor", "_"))
    if file.messages:
        names.append(("message", "Message", ""))
    for module, name, sign in names:
        yield from_import(f"google.protobuf.{module}", f"{sign}{name}", f"{private}{name}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _FieldView:
    """A field as the template lays it out."""

    name: str
    type: TypeExpr
    read_only: bool
    """Whether the attribute cannot be assigned: messages and containers are changed in place."""

    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _EnumView:
    """An enum as the template lays it out."""

    name: str
    holder: str
    """The class that holds the type of its values."""

    wrapper: str
    """The class of the enum itself."""

    wrapper_bases: list[TypeExpr]
    value_type: TypeExpr
    """The type of its values, as the scope of the enum writes it."""

    inner_value_type: TypeExpr
    """The type of its values, as the wrapper writes it."""

    hidden: bool
    values: list[EnumValue]
    members: list[EnumValue]
    """The values that are attributes of the enum."""

    comment: str

    @property
    def bases(self) -> list[TypeExpr]:
        """The bases of the enum."""
        return [TypeExpr(self.holder), TypeExpr(f"metaclass={self.wrapper}")]


@dataclass(frozen=True, kw_only=True, slots=True)
class _MessageView:
    """A message as the template lays it out."""

    name: str
    bases: list[TypeExpr]
    hidden: bool
    """Whether the name cannot be written in Python, so that the class is one of the stub alone."""

    comment: str
    fields: list[_FieldView]
    constants: list[tuple[str, int]]
    messages: list[_MessageView]
    enums: list[_EnumView]
    extensions: list[tuple[str, TypeExpr]]
    receiver: str
    """The first parameter of the constructor."""

    arguments: list[tuple[str, TypeExpr]]
    has_field: TypeExpr | None
    """The names that `HasField` takes."""

    clear_field: TypeExpr | None
    """The names that `ClearField` takes."""

    oneofs: list[tuple[TypeExpr, TypeExpr]]
    """Each oneof and its members."""


def _message(message: Message, types: StubTypes) -> _MessageView:
    oneofs = _oneofs(message)
    groups = [name for name, _ in oneofs]
    names = [field.name for field in message.fields]
    literal = f"{types.private}Literal"
    return _MessageView(
        name=class_name(message.ref),
        bases=[TypeExpr(f"{types.private}Message")],
        hidden=class_name(message.ref) != message.name,
        comment=message.comment or f"The message {message.name}.",
        fields=[
            _field(field, types)
            for field in message.fields
            if _is_name(field.name) and not is_member(field.name)
        ],
        constants=_constants(
            (*message.fields, *(e.field for e in message.extensions)), set(scope_of(message))
        ),
        messages=[_message(nested, types) for nested in message.messages],
        enums=[_enum(enum, types) for enum in message.enums],
        extensions=[
            one
            for one in _extensions(message.extensions, types)
            if not is_member(one[0]) and not one[0].endswith("_FIELD_NUMBER")
        ],
        receiver=f"{types.private}self" if "self" in names else "self",
        arguments=[(f.name, types.argument(f)) for f in message.fields if _is_name(f.name)],
        has_field=_one_of(literal, [*(f.name for f in message.fields if f.presence), *groups]),
        clear_field=_one_of(literal, [*names, *groups]),
        oneofs=[
            (TypeExpr(literal, (_string(name),)), TypeExpr(literal, members, optional=True))
            for name, fields in oneofs
            for members in [tuple(map(_string, fields))]
        ],
    )


def _oneofs(message: Message) -> list[tuple[str, tuple[str, ...]]]:
    """The oneofs of a message, those included that protoc makes up for `optional` fields."""
    declared = [(oneof.name, oneof.members) for oneof in message.oneofs]
    made_up = [(f.presence_oneof, (f.name,)) for f in message.fields if f.presence_oneof]
    return declared + made_up


def _field(field: Field, types: StubTypes) -> _FieldView:
    return _FieldView(
        name=field.name,
        type=types.attribute(field),
        read_only=container(field) is not None or field.kind in MESSAGES,
        comment=field.comment,
    )


def _enum(enum: Enum, types: StubTypes) -> _EnumView:
    is_nested = "." in enum.ref.qualname
    values = [value for value in enum.values if _is_name(value.name)]
    name, holder = class_name(enum.ref), f"{types.private}{enum.name}Enum"
    return _EnumView(
        name=name,
        holder=holder,
        wrapper=f"{holder}Type",
        wrapper_bases=[
            TypeExpr(f"{types.private}EnumTypeWrapper", (TypeExpr(f"{holder}.ValueType"),))
        ],
        value_type=TypeExpr(f"{holder if is_nested and types.is_shared(name) else name}.ValueType"),
        inner_value_type=types.beside(enum.ref, f"{holder}.ValueType"),
        hidden=name != enum.name,
        values=[value for value in values if not (is_nested and is_member(value.name))],
        members=[value for value in values if value.name not in _ENUM_MEMBERS],
        comment=enum.comment or f"The enum {enum.name}.",
    )


def _constants(fields: Iterable[Field], taken: Container[str]) -> list[tuple[str, int]]:
    numbers = {f"{field.name.upper()}_FIELD_NUMBER": field.number for field in fields}
    return [(name, number) for name, number in numbers.items() if name not in taken]


def _extensions(extensions: Iterable[Extension], types: StubTypes) -> list[tuple[str, TypeExpr]]:
    return [(e.field.name, types.extension(e)) for e in extensions if _is_name(e.field.name)]


def _one_of(literal: str, names: Iterable[str]) -> TypeExpr | None:
    values = tuple(map(_string, names))
    return TypeExpr(literal, values) if values else None


def _string(text: str) -> TypeExpr:
    return TypeExpr(string_literal(text))


def _is_name(name: str) -> bool:
    """Whether Python can call something so. The rest is reached with `getattr` and `setattr`."""
    return not keyword.iskeyword(name)
