"""Where schemas are read from: a project, a descriptor image, or generated code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from protoc_gen_nats import includes
from protoc_gen_nats.building.schema import build
from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.live.schemas import Schemas
from protoc_gen_nats.project.project import MANIFEST_NAME, Project

__all__ = ["load_schemas"]


def load_schemas(path: Path) -> Schemas:
    """Reads schemas.

    Args:
        path: The folder of a project, a file with a FileDescriptorSet (`protoc --include_imports
            --descriptor_set_out=FILE`, `buf build -o FILE`), or a folder with generated Python
            code.

    Raises:
        UserError: It is none of these, or a schema is wrong.
    """
    if path.is_file():
        protos = _image(path)
    elif (path / MANIFEST_NAME).is_file():
        compiled, schema = Project(path).compiled()
        return Schemas(compiled.protos, schema, f"the project in {path}")
    else:
        protos = _generated(path)
    own = [proto.name for proto in protos if not includes.is_provided(proto.name)]
    return Schemas(protos, build(protos, own, complete=False), str(path))


def _image(path: Path) -> list[FileDescriptorProto]:
    try:
        protos = list(FileDescriptorSet.FromString(path.read_bytes()).file)
    except DecodeError:
        protos = []
    if not protos:
        text = (
            "no descriptor image: make one with `protoc --include_imports"
            " --descriptor_set_out=FILE …` or `buf build -o FILE`"
        )
        raise UserError.of(text, Place(str(path)))
    known = {proto.name for proto in protos}
    for proto in protos:
        if missing := sorted(set(proto.dependency) - known):
            text = f"{proto.name} imports {missing[0]}, which is not in it: --include_imports"
            raise UserError.of(text, Place(str(path)))
    return list(_in_order(protos))


def _in_order(protos: Iterable[FileDescriptorProto]) -> Iterator[FileDescriptorProto]:
    """Imported schemas before their importers."""
    waiting = {proto.name: proto for proto in protos}

    def visit(name: str) -> Iterator[FileDescriptorProto]:
        proto = waiting.pop(name, None)
        if proto is not None:
            for imported in proto.dependency:
                yield from visit(imported)
            yield proto

    for name in tuple(waiting):
        yield from visit(name)


def _generated(folder: Path) -> list[FileDescriptorProto]:
    modules = sorted(folder.rglob("*_pb2.py"))
    if not modules:
        text = (
            f"neither a project with {MANIFEST_NAME}, nor a descriptor image, nor a folder with"
            " generated Python code (*_pb2.py)"
        )
        raise UserError.of(text, Place(str(folder)))
    root = str(folder.resolve())
    if root not in sys.path:
        sys.path.append(root)
    found: dict[str, FileDescriptorProto] = {}
    for module in modules:
        name = ".".join(module.relative_to(folder).with_suffix("").parts)
        try:
            descriptor = importlib.import_module(name).DESCRIPTOR
        except ImportError as error:
            raise UserError.of(f"cannot be imported: {error}", Place(str(module))) from error
        _collect(descriptor, found)
    return list(found.values())


def _collect(descriptor: FileDescriptor, found: dict[str, FileDescriptorProto]) -> None:
    if descriptor.name not in found:
        for imported in descriptor.dependencies:
            _collect(imported, found)
        found[descriptor.name] = FileDescriptorProto.FromString(descriptor.serialized_pb)
