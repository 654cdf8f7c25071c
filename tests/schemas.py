"""Schemas as tests need them: compiled by the real protoc, in this process."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from protoc_gen_nats import includes

__all__ = ["code_generator_request", "compile_schemas", "schema_paths", "write_schema"]


def write_schema(root: Path, path: str, text: str) -> None:
    """Writes a schema below `root`."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def schema_paths(root: Path) -> list[str]:
    """The schemas below `root`, sorted."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.proto"))


def compile_schemas(root: Path, *outputs: str) -> FileDescriptorSet:
    """Compiles all schemas below `root`, and what they import, with comments and positions.

    Args:
        root: The folder with the schemas.
        outputs: Further flags for protoc, `--python_out=…`.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "schemas.binpb")
        flags = [f"-I{root}", *includes.flags(), f"-I{resources.files('grpc_tools') / '_proto'}"]
        flags += [f"--descriptor_set_out={target}", "--include_imports", "--include_source_info"]
        assert protoc.main(["protoc", *flags, *outputs, *schema_paths(root)]) == 0
        return FileDescriptorSet.FromString(target.read_bytes())


def code_generator_request(root: Path, parameter: str = "") -> CodeGeneratorRequest:
    """What protoc hands to a plugin for all schemas below `root`."""
    return CodeGeneratorRequest(
        file_to_generate=schema_paths(root),
        parameter=parameter,
        proto_file=compile_schemas(root).file,
    )
