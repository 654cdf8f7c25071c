"""The messages and enums of a schema, from its descriptor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool

from protoc_gen_nats.building.field_rules import VALIDATE, RuleReader
from protoc_gen_nats.descriptors import Path, SchemaFile, SchemaSet
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.model import (
    Cardinality,
    Enum,
    EnumValue,
    Extension,
    Field,
    Message,
    Oneof,
)

__all__ = ["SchemaPool", "TypeBuilder", "Types"]

_KINDS = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Types:
    """What a schema declares besides services."""

    messages: tuple[Message, ...]
    enums: tuple[Enum, ...]
    extensions: tuple[Extension, ...]


class SchemaPool:
    """The descriptors of a set of schemas, loaded when they are needed."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas
        self._pool = DescriptorPool()
        self._loaded: set[str] = set()

    def load(self, file: SchemaFile) -> DescriptorPool:
        """The pool, with a schema and all that it imports.

        Raises:
            UserError: protobuf refuses what protoc let pass.
        """
        if file.path not in self._loaded:
            self._loaded.add(file.path)
            for path in file.proto.dependency:
                if imported := self._schemas.files.get(path):
                    self.load(imported)
            try:
                self._pool.AddSerializedFile(file.proto.SerializeToString())
            except TypeError as error:
                # The message module would be refused too.
                reason = str(error)
                reason = reason.removeprefix("Couldn't build proto file into descriptor pool: ")
                text = f"Python's protobuf cannot load it: {reason}"
                raise UserError.of(text, file.place(())) from error
        return self._pool

    @cached_property
    def rules(self) -> RuleReader:
        """Reads the rules of fields."""
        if validate := self._schemas.files.get(VALIDATE):
            self.load(validate)
        return RuleReader(self._pool)


class TypeBuilder:
    """Builds the messages and enums of one schema."""

    def __init__(self, file: SchemaFile, schemas: SchemaSet, pool: SchemaPool) -> None:
        self._file = file
        self._schemas = schemas
        self._schema_pool = pool

    def types(self) -> Types:
        """Builds all of them."""
        proto = self._file.proto
        self._pool = self._schema_pool.load(self._file)
        self._rules = self._schema_pool.rules
        return Types(
            messages=tuple(
                self.message(message, (4, index), message.name)
                for index, message in enumerate(proto.message_type)
            ),
            enums=tuple(
                self.enum(enum, (5, index), enum.name) for index, enum in enumerate(proto.enum_type)
            ),
            extensions=self.extensions(proto.extension, (7,), proto.package),
        )

    def message(self, proto: DescriptorProto, path: Path, name: str) -> Message:
        """Builds the message that is called `name` below the package, and all inside it."""
        full_name = self._file.full_name(name)
        descriptor: Descriptor = self._pool.FindMessageTypeByName(full_name)
        return Message(
            name=proto.name,
            ref=self._schemas.ref(full_name),
            fields=tuple(
                self._field(
                    field,
                    (*path, 2, index),
                    descriptor.fields_by_name[field.name],
                    proto.oneof_decl[field.oneof_index].name if field.proto3_optional else "",
                )
                for index, field in enumerate(proto.field)
            ),
            oneofs=tuple(_oneofs(proto, self._rules)),
            messages=tuple(
                self.message(nested, (*path, 3, index), f"{name}.{nested.name}")
                for index, nested in enumerate(proto.nested_type)
                if not nested.options.map_entry
            ),
            enums=tuple(
                self.enum(enum, (*path, 4, index), f"{name}.{enum.name}")
                for index, enum in enumerate(proto.enum_type)
            ),
            extensions=self.extensions(proto.extension, (*path, 6), full_name),
            comment=self._file.comment(path),
        )

    def extensions(
        self, protos: Iterable[FieldDescriptorProto], path: Path, scope: str
    ) -> tuple[Extension, ...]:
        """Builds the extensions that are declared in `scope`, a package or a message."""
        prefix = f"{scope}." if scope else ""
        return tuple(
            Extension(
                field=self._field(
                    proto,
                    (*path, index),
                    self._pool.FindExtensionByName(f"{prefix}{proto.name}"),
                ),
                extendee=self._schemas.ref(proto.extendee),
            )
            for index, proto in enumerate(protos)
        )

    def enum(self, proto: EnumDescriptorProto, path: Path, name: str) -> Enum:
        """Builds the enum that is called `name` below the package."""
        return Enum(
            name=proto.name,
            ref=self._schemas.ref(self._file.full_name(name)),
            values=tuple(
                EnumValue(
                    name=value.name,
                    number=value.number,
                    comment=self._file.comment((*path, 2, index)),
                )
                for index, value in enumerate(proto.value)
            ),
            comment=self._file.comment(path),
        )

    def _field(
        self,
        proto: FieldDescriptorProto,
        path: Path,
        descriptor: FieldDescriptor,
        presence_oneof: str = "",
    ) -> Field:
        entry = self._schemas.map_entry(proto.type_name)
        value = entry.field[1] if entry else proto
        cardinality = Cardinality.SINGULAR
        if entry:
            cardinality = Cardinality.MAP
        elif proto.label == FieldDescriptorProto.LABEL_REPEATED:
            cardinality = Cardinality.REPEATED
        return Field(
            name=proto.name,
            number=proto.number,
            kind=_KINDS[value.type],
            type=self._schemas.ref(value.type_name) if value.type_name else None,
            cardinality=cardinality,
            map_key=_KINDS[entry.field[0].type] if entry else None,
            presence=descriptor.has_presence,
            optional=proto.proto3_optional,
            comment=self._file.comment(path),
            presence_oneof=presence_oneof,
            json_name=descriptor.json_name,
            rules=self._rules.field(proto),
        )


def _oneofs(proto: DescriptorProto, rules: RuleReader) -> Iterable[Oneof]:
    for index, oneof in enumerate(proto.oneof_decl):
        members = tuple(
            field.name
            for field in proto.field
            if field.HasField("oneof_index")
            and field.oneof_index == index
            and not field.proto3_optional
        )
        if members:
            required = rules.oneof_is_required(oneof)
            yield Oneof(name=oneof.name, members=members, required=required)
