"""What is generated for a random set of schemas, written below a folder."""

from __future__ import annotations

import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from protoc_gen_nats.building.schema import build
from protoc_gen_nats.naming import module_of
from protoc_gen_nats.pb2_imports import rewrite_imports
from protoc_gen_nats.targets import python
from tests.fuzz.schemas import SchemaDraft

__all__ = ["generate"]

_KNOWN = (
    *("google.longrunning.operations_pb2", "google.protobuf.struct_pb2"),
    *("google.protobuf.timestamp_pb2", "google.type.money_pb2", "protonats.v1.options_pb2"),
)


def generate(draft: SchemaDraft) -> dict[str, bytes]:
    """The Python of a set of schemas by path; nothing if protoc refuses the set, or if two schemas
    would have one module.

    Raises:
        UserError: The generator refuses it for another reason.
    """
    modules = _message_modules(draft)
    if len(modules) < len(draft.files):
        return {}
    paths = [file.name for file in draft.files]
    schema = build([*_known(), *draft.files], paths, complete=True, python=draft.python)
    return {**modules, **{file.path: file.content for file in python.render(schema)}}


def _message_modules(draft: SchemaDraft) -> dict[str, bytes]:
    """What protoc writes, with the imports that `protonats generate` writes."""
    paths = [file.name for file in draft.files]
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "set.binpb")
        protos = FileDescriptorSet(file=[*_known(), *draft.files])
        descriptors.write_bytes(protos.SerializeToString())
        flags = [f"--descriptor_set_in={descriptors}", f"--python_out={folder}"]
        if protoc.main(["protoc", *flags, *paths]):
            return {}
        return {
            _file_of(draft.python.messages(file.name)): rewrite_imports(
                Path(folder, _file_of(module_of(file.name))).read_bytes(), file, paths, draft.python
            )
            for file in draft.files
        }


def _file_of(module: str) -> str:
    return module.replace(".", "/") + ".py"


@cache
def _known() -> tuple[FileDescriptorProto, ...]:
    """The installed schemas that random ones import."""
    found: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        found[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

    for name in _KNOWN:
        add(import_module(name).DESCRIPTOR)
    return tuple(found.values())
