"""One run of protoc over all schemas of a project."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from protoc_gen_nats import includes
from protoc_gen_nats.errors import Place, Problem, UserError
from protoc_gen_nats.naming import module_of

__all__ = ["Compiled", "compile_schemas"]

_PROTOC = (sys.executable, "-m", "grpc_tools.protoc")
_PLACED = re.compile(r"(?P<path>[^:]+\.proto):((?P<line>\d+):(?P<column>\d+):)? (?P<text>.*)")
_NOISE = re.compile(r": warning: |^[IW]\d{4} \d\d:\d\d:\d\d|^WARNING: All log messages before ")
"""Lines of protoc, and of the log of the library below it, that are no errors."""
_GENCODE = re.compile(rb"# Protobuf Python Version: (\S+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """What protoc made of the schemas."""

    protos: tuple[FileDescriptorProto, ...]
    """All schemas, imported ones before their importers, with comments and positions."""

    generate: tuple[str, ...]
    """The paths of those to generate for: the project's, and imported ones that no package
    provides."""

    modules: Mapping[str, bytes]
    """The Python message modules that protoc wrote, by path."""

    toolchain: str
    """The version of protobuf that protoc wrote them for."""


def compile_schemas(root: Path, folders: Sequence[str], paths: Sequence[str]) -> Compiled:
    """Compiles schemas.

    Args:
        root: The project.
        folders: The folders below it in which imports are looked up.
        paths: The schemas, relative to their folder.

    Raises:
        UserError: protoc refuses a schema.
    """
    with tempfile.TemporaryDirectory(prefix="protonats-") as temporary:
        out = Path(temporary, "python")
        out.mkdir()
        descriptors = Path(temporary, "schemas.binpb")
        imported = includes.flags(Path(temporary, "includes"))
        flags = [*(f"-I{folder}" for folder in folders), *imported]
        outputs = [f"--descriptor_set_out={descriptors}", f"--python_out={out}"]
        outputs += ["--include_imports", "--include_source_info"]
        _run([*_PROTOC, *flags, *outputs, *paths, includes.VALIDATE], root)
        protos = FileDescriptorSet.FromString(descriptors.read_bytes()).file
        used = {path for proto in protos for path in proto.dependency} | set(paths)
        generate = [p.name for p in protos if p.name in used and not includes.is_provided(p.name)]
        modules = {
            path: (out / path).read_bytes()
            for path in (module_of(name).replace(".", "/") + ".py" for name in generate)
        }
    return Compiled(
        protos=tuple(protos),
        generate=tuple(generate),
        modules=modules,
        toolchain=_toolchain(modules.values()),
    )


def _run(command: Sequence[str], root: Path) -> None:
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line and not _NOISE.search(line)]
        raise UserError(map(_problem, lines or [f"protoc ended with {result.returncode}"]))


def _problem(line: str) -> Problem:
    match = _PLACED.fullmatch(line)
    if match is None:
        return Problem(Place(), line)
    place = Place(match["path"], int(match["line"] or 0), int(match["column"] or 0))
    return Problem(place, match["text"])


def _toolchain(modules: Iterable[bytes]) -> str:
    """The version of protobuf that protoc wrote its modules for."""
    found = (_GENCODE.search(module) for module in modules)
    return next((match[1].decode() for match in found if match), "unknown")
