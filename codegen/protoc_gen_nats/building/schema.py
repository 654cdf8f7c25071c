"""From descriptors to the intermediate representation."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool

from protoc_gen_nats.building.descriptors import Path, SchemaFile, SchemaSet
from protoc_gen_nats.building.services import ServiceBuilder
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.model import (
    Cardinality,
    Enum,
    EnumValue,
    Extension,
    Field,
    File,
    Message,
    Oneof,
    Schema,
)
from protoc_gen_nats.naming import escape
from protoc_gen_nats.rules.modules import check_modules

__all__ = ["build"]

_KINDS = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()
}


def build(
    protos: Iterable[FileDescriptorProto], generate: Iterable[str], *, complete: bool
) -> Schema:
    """Builds the representation of the schemas named in `generate`.

    Args:
        protos: All schemas of the request, imported ones before their importers.
        generate: The paths of the schemas to generate for.
        complete: Whether `protos` is the whole system, so that an unknown name is an error.

    Raises:
        UserError: Options contradict the schema or each other.
    """
    schemas = SchemaSet(protos)
    pool = DescriptorPool()
    for file in schemas.files.values():
        pool.AddSerializedFile(file.proto.SerializeToString())
    services = ServiceBuilder(schemas, complete=complete)
    chosen = [schemas.files[path] for path in dict.fromkeys(generate)]
    files = tuple(_file(file, schemas, pool, services) for file in chosen)
    if problems := [*services.problems, *check_modules(file.path for file in chosen)]:
        raise UserError(problems)
    return Schema(files=files)


def _file(
    file: SchemaFile, schemas: SchemaSet, pool: DescriptorPool, services: ServiceBuilder
) -> File:
    proto = file.proto
    build_message = _MessageBuilder(file, schemas, pool)
    return File(
        path=file.path,
        module=file.module,
        public_imports=tuple(
            (imported.module, names)
            for imported in schemas.public_imports(file)
            if (names := tuple(name for name in imported.top_names() if escape(name) == name))
        ),
        messages=tuple(
            build_message.message(message, (4, index), message.name)
            for index, message in enumerate(proto.message_type)
        ),
        enums=tuple(
            build_message.enum(enum, (5, index), enum.name)
            for index, enum in enumerate(proto.enum_type)
        ),
        services=tuple(services.service(file, path, service) for path, service in file.services()),
        extensions=build_message.extensions(proto.extension, (7,), proto.package),
        events=tuple(services.events(file)),
    )


class _MessageBuilder:
    """Builds the messages and enums of one schema."""

    def __init__(self, file: SchemaFile, schemas: SchemaSet, pool: DescriptorPool) -> None:
        self._file = file
        self._schemas = schemas
        self._pool = pool

    def message(self, proto: DescriptorProto, path: Path, name: str) -> Message:
        """Builds the message that is called `name` below the package, and all inside it."""
        full_name = self._file.full_name(name)
        descriptor: Descriptor = self._pool.FindMessageTypeByName(full_name)
        return Message(
            name=proto.name,
            ref=self._schemas.ref(full_name),
            fields=tuple(
                self._field(field, (*path, 2, index), descriptor.fields_by_name[field.name])
                for index, field in enumerate(proto.field)
            ),
            oneofs=tuple(_oneofs(proto)),
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

    def _field(self, proto: FieldDescriptorProto, path: Path, descriptor: FieldDescriptor) -> Field:
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
        )


def _oneofs(proto: DescriptorProto) -> Iterable[Oneof]:
    for index, oneof in enumerate(proto.oneof_decl):
        members = tuple(
            field.name
            for field in proto.field
            if field.HasField("oneof_index")
            and field.oneof_index == index
            and not field.proto3_optional
        )
        if members:
            yield Oneof(name=oneof.name, members=members)
