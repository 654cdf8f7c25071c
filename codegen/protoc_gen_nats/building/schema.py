"""From descriptors to the intermediate representation."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from protoc_gen_nats.building.services import ServiceBuilder
from protoc_gen_nats.building.types import SchemaPool, TypeBuilder, Types
from protoc_gen_nats.descriptors import EMPTY, SchemaFile, SchemaSet
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.model import File, Schema
from protoc_gen_nats.naming import escape
from protoc_gen_nats.python_modules import DEFAULTS, PythonOptions
from protoc_gen_nats.rules.modules import check_modules
from protoc_gen_nats.rules.python_names import check_names

__all__ = ["build"]


def build(
    protos: Iterable[FileDescriptorProto],
    generate: Iterable[str],
    *,
    complete: bool,
    python: PythonOptions = DEFAULTS,
    lenient: bool = False,
    positions: Mapping[str, bytes] = EMPTY,
) -> Schema:
    """Builds the representation of the schemas named in `generate`.

    Their messages and enums are built when they are first asked for.

    Args:
        protos: All schemas of the request, imported ones before their importers.
        generate: The paths of the schemas to generate for.
        complete: Whether `protos` is the whole system, so that an unknown name is an error.
        python: Where the generated modules are.
        lenient: Whether to pass over what is wrong: the schemas are of the past, and only looked
            at.
        positions: The SourceCodeInfo of those schemas that have no more than an outline of it.
            They were built before, and their messages are right.

    Raises:
        UserError: Options contradict the schema or each other.
    """
    paths = dict.fromkeys(generate)
    schemas = SchemaSet(protos, paths, python, positions)
    pool = SchemaPool(schemas)
    fresh = [file for file in schemas.files.values() if file.path not in positions]
    for file in fresh:
        pool.load(file)
    services = ServiceBuilder(schemas, complete=complete)
    files = tuple(
        _file(schemas.files[path], schemas, pool, services, python, paths) for path in paths
    )
    names = (problem for file in fresh if file.path in paths for problem in check_names(file))
    problems = [*services.problems, *check_modules(paths, python), *names]
    if problems and not lenient:
        raise UserError(problems)
    return Schema(files=files, python=python)


def _file(
    file: SchemaFile,
    schemas: SchemaSet,
    pool: SchemaPool,
    services: ServiceBuilder,
    python: PythonOptions,
    paths: Container[str],
) -> File:
    return _File(
        TypeBuilder(file, schemas, pool).types,
        path=file.path,
        module=file.module,
        nats_module=python.services(file.path),
        public_imports=tuple(
            (imported.module, names)
            for imported in schemas.public_imports(file)
            if (names := tuple(name for name in imported.top_names() if escape(name) == name))
        ),
        services=tuple(services.service(file, path, service) for path, service in file.services()),
        events=tuple(services.events(file)),
        uses=_uses(file, schemas, paths),
        imports=tuple(path for path in file.proto.dependency if path in paths),
    )


def _uses(file: SchemaFile, schemas: SchemaSet, paths: Container[str]) -> tuple[str, ...]:
    if not any(path in paths for path in file.proto.dependency):
        return ()
    names: set[str] = set()
    for _, _, message in file.messages():
        names.update(field.type_name for field in message.field)
        names.update(extension.extendee for extension in message.extension)
    for _, service in file.services():
        for method in service.method:
            names |= {method.input_type, method.output_type}
    found = {schemas.path_of(name) for name in names if name}
    return tuple(sorted(path for path in found if path in paths and path != file.path))


class _File(File):
    """A schema whose messages and enums are built when somebody asks for them."""

    __slots__ = ("_types",)

    def __init__(self, types: Callable[[], Types], **values: Any) -> None:
        object.__setattr__(self, "_types", types)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not set yet.
        if name not in Types.__dataclass_fields__:
            raise AttributeError(name)
        types = self._types()
        for field in Types.__dataclass_fields__:
            object.__setattr__(self, field, getattr(types, field))
        return getattr(types, name)
