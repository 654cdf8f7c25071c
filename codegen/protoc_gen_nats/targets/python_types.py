"""How the types of one schema are written in its stub."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterator

from protoc_gen_nats.model import Cardinality, Enum, Extension, Field, File, Message, TypeRef
from protoc_gen_nats.rendering.imports import ModuleImports
from protoc_gen_nats.rendering.layout import TypeExpr

__all__ = [
    "MESSAGES",
    "StubTypes",
    "all_enums",
    "all_extensions",
    "all_fields",
    "all_messages",
    "class_name",
    "container",
    "scope_of",
    "scope_of_module",
]

MESSAGES = ("message", "group")
"""The kinds of field that hold a message."""

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
_BUILTINS = frozenset({"bool", "bytes", "float", "int", "property", "str"})


class StubTypes:
    """Types as they are written in the stub of one schema.

    In a class, its own fields and nested types come before what the module has of the same name. So
    builtins that some class of the file hides are written `_builtins.int`, and types of the file
    itself that are hidden, or hide a builtin, are taken from the module as another would take them,
    `_quest_pb2.Quest`.

    Attributes:
        private: What the names begin with that the stub alone has, `_`; no name of the file does.
        imports: The modules whose types are used.
        re_exports: The modules whose names are also names of this one, and these names.
    """

    def __init__(self, file: File, within: str | None) -> None:
        members = {name for m in all_messages(file.messages) for name in scope_of(m)}
        self.re_exports = _re_exports(file)
        names = members | set(scope_of_module(file))
        self._uses = Counter(
            name
            for scope in (scope_of_module(file), *map(scope_of, all_messages(file.messages)))
            for name in scope
        )
        names.update(name for _, re_exported in self.re_exports for name in re_exported)
        self.private = "_"
        while any(name.startswith(self.private) for name in names):
            self.private += "py_"
        self._module = file.module
        self._hidden = members
        self.imports = ModuleImports(
            (ref for ref in _references(file) if self._is_imported(ref)),
            prefix=self.private,
            within=within,
        )
        self.qualified = bool(names & _BUILTINS)
        """Whether something in the file is called like a builtin."""

    def is_shared(self, name: str) -> bool:
        """Whether a name of one scope may be one of another scope, or a builtin, too.

        pyright then takes it in a class for the outer one.
        """
        return self._uses[name] > 1 or hasattr(builtins, name)

    @property
    def builtins(self) -> str:
        """What stands before the name of a builtin."""
        return f"{self.private}builtins." if self.qualified else ""

    def attribute(self, field: Field) -> TypeExpr:
        """The type of a field's attribute."""
        generic = container(field)
        return self._generic(generic, field) if generic else self._value(field)

    def argument(self, field: Field) -> TypeExpr:
        """The type of a field's argument of the constructor."""
        if field.cardinality is Cardinality.SINGULAR:
            value = self._value(field)
        else:
            mapping = field.cardinality is Cardinality.MAP
            value = self._generic("Mapping" if mapping else "Iterable", field)
        return TypeExpr(value.name, value.arguments, optional=True)

    def beside(self, ref: TypeRef, name: str) -> TypeExpr:
        """A class of the stub that stands in the same scope as a type."""
        scope, dot, _ = self._type(ref).name.rpartition(".")
        return TypeExpr(f"{scope}{dot}{name}")

    def extension(self, extension: Extension) -> TypeExpr:
        """The type of an extension's descriptor."""
        arguments = (self._type(extension.extendee), self.attribute(extension.field))
        return TypeExpr(f"{self.private}ExtensionFieldDescriptor", arguments)

    def _generic(self, name: str, field: Field) -> TypeExpr:
        value = self._value(field)
        keys = () if field.map_key is None else (self._scalar(field.map_key),)
        return TypeExpr(f"{self.private}{name}", (*keys, value))

    def _value(self, field: Field) -> TypeExpr:
        """The type of one value of a field."""
        if field.type is None:
            return self._scalar(field.kind)
        type_ = self._type(field.type)
        if field.kind in MESSAGES or _is_typed_by_protoc(field.type):
            return type_
        return TypeExpr(f"{type_.name}.ValueType")

    def _scalar(self, kind: str) -> TypeExpr:
        return TypeExpr(self.builtins + _SCALARS[kind])

    def _type(self, ref: TypeRef) -> TypeExpr:
        if self._is_imported(ref):
            return TypeExpr(self.imports.expression(ref))
        return TypeExpr(ref.python_name)

    def _is_imported(self, ref: TypeRef) -> bool:
        # mypy takes a builtin where the name is read before the class of that name.
        first = ref.python_name.partition(".")[0]
        return ref.module != self._module or first in self._hidden or hasattr(builtins, first)


def _is_typed_by_protoc(enum: TypeRef) -> bool:
    """Whether an enum's stub is protoc's own, where its values are of the enum's type itself."""
    return enum.provided and not enum.module.startswith("google.protobuf.")


def class_name(ref: TypeRef) -> str:
    """What the class of a type is called in its scope."""
    return ref.python_name.rpartition(".")[2]


def all_messages(messages: tuple[Message, ...]) -> Iterator[Message]:
    """Messages and all that are nested in them."""
    for message in messages:
        yield message
        yield from all_messages(message.messages)


def container(field: Field) -> str | None:
    """The class of protobuf that holds the values of a field, if it holds many."""
    composite = field.kind in MESSAGES
    if field.cardinality is Cardinality.REPEATED:
        return "RepeatedCompositeFieldContainer" if composite else "RepeatedScalarFieldContainer"
    if field.cardinality is Cardinality.MAP:
        return "MessageMap" if composite else "ScalarMap"
    return None


def all_enums(file: File) -> list[Enum]:
    """The enums of a schema, those in messages too."""
    return [*file.enums, *(enum for m in all_messages(file.messages) for enum in m.enums)]


def all_extensions(file: File) -> list[Extension]:
    """The extensions that a schema declares, those in messages too."""
    return [*file.extensions, *(e for m in all_messages(file.messages) for e in m.extensions)]


def all_fields(file: File) -> list[Field]:
    """The fields and extensions that a schema declares."""
    fields = [field for message in all_messages(file.messages) for field in message.fields]
    return fields + [extension.field for extension in all_extensions(file)]


def _re_exports(file: File) -> list[tuple[str, list[str]]]:
    """What `from … import *` brings: no private names, and none that the file itself has.

    Names that two modules have are left out, as which one wins depends on the order of imports.
    """
    homes: dict[str, set[str]] = {}
    for module, names in file.public_imports:
        for name in names:
            homes.setdefault(name, set()).add(module)
    own = set(scope_of_module(file))
    kept = {name for name, found in homes.items() if len(found) == 1 and name not in own}
    chosen = {
        module: [name for name in names if name in kept and not name.startswith("_")]
        for module, names in file.public_imports
    }
    return [(module, names) for module, names in chosen.items() if names]


def _references(file: File) -> Iterator[TypeRef]:
    """The types that fields, extensions and the parts of enums name."""
    yield from (enum.ref for enum in all_enums(file))
    yield from (extension.extendee for extension in all_extensions(file))
    yield from (field.type for field in all_fields(file) if field.type is not None)


def scope_of(message: Message) -> Iterator[str]:
    """The names in the scope of a message's class."""
    yield from (field.name for field in message.fields)
    yield from (extension.field.name for extension in message.extensions)
    yield from (class_name(nested.ref) for nested in message.messages)
    for enum in message.enums:
        yield class_name(enum.ref)
        yield from (value.name for value in enum.values)


def scope_of_module(file: File) -> Iterator[str]:
    """The names in the scope of the module."""
    yield from (extension.field.name for extension in file.extensions)
    yield from (class_name(message.ref) for message in file.messages)
    for enum in file.enums:
        yield class_name(enum.ref)
        yield from (value.name for value in enum.values)
