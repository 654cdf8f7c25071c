"""One run of protoc over all schemas of a project."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from protoc_gen_nats import includes
from protoc_gen_nats.errors import Place, Problem, UserError
from protoc_gen_nats.keeping.schemas import Sources, clash, kept_schema, still_valid
from protoc_gen_nats.keeping.store import KeptSchema
from protoc_gen_nats.naming import module_of
from protoc_gen_nats.pb2_imports import rewrite_imports
from protoc_gen_nats.python_modules import DEFAULTS, PythonOptions

__all__ = ["Compiled", "compile_schemas"]

_PROTOC = (sys.executable, "-m", "grpc_tools.protoc")
_PLACED = re.compile(r"(?P<path>[^:]+\.proto):((?P<line>\d+):(?P<column>\d+):)? (?P<text>.*)")
_NOISE = re.compile(r": warning: |^[IW]\d{4} \d\d:\d\d:\d\d|^WARNING: All log messages before ")
"""Lines of protoc, and of the log of the library below it, that are no errors."""
_NOTHING: Mapping[str, KeptSchema] = MappingProxyType({})
_GENCODE = re.compile(rb"# Protobuf Python Version: (\S+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """What protoc made of the schemas."""

    protos: tuple[FileDescriptorProto, ...]
    """All schemas, imported ones before their importers, with comments and positions."""

    positions: Mapping[str, bytes]
    """The SourceCodeInfo of those of which `protos` has no more than an outline of it, by path:
    they are as they were in an earlier run."""

    generate: tuple[str, ...]
    """The paths of those to generate for: the project's, and imported ones that no package
    provides."""

    modules: Mapping[str, bytes]
    """The Python message modules that protoc wrote, by path."""

    toolchain: str
    """The version of protobuf that protoc wrote them for."""

    schemas: Mapping[str, KeptSchema]
    """What the next run can take, by path."""

    is_settled: bool
    """Whether no schema was edited meanwhile, so that the next run may take them."""


def compile_schemas(
    root: Path,
    folders: Sequence[str],
    paths: Sequence[str],
    python: PythonOptions = DEFAULTS,
    kept: Mapping[str, KeptSchema] = _NOTHING,
) -> Compiled:
    """Compiles schemas.

    Args:
        root: The project.
        folders: The folders below it in which imports are looked up.
        paths: The schemas, relative to their folder.
        python: Where the Python modules are.
        kept: What an earlier run left: what is still true of it is not compiled again.

    Raises:
        UserError: protoc refuses a schema.
    """
    sources = Sources(root, folders)
    valid = still_valid(kept, sources)
    stale = [path for path in paths if path not in valid]
    compiler = _Compiler(root, folders, sources)
    if not valid:
        compiler.run(paths)
    else:
        compiler.schemas = dict(valid)
        if stale:
            try:
                compiler.run(stale)
            except UserError:
                # Its words are those of a run of all.
                return compile_schemas(root, folders, paths, python)
    order = _in_order(paths, compiler.schemas)
    generate = [path for path in order if not includes.is_provided(path)]
    if without := [path for path in generate if not compiler.schemas[path].module]:
        compiler.run(without)
    found = {path: compiler.schemas[path] for path in order}
    if valid and stale and clash(found.items()):
        return compile_schemas(root, folders, paths, python)
    protos = tuple(map(compiler.proto, order))
    modules = dict(_modules(protos, found, dict.fromkeys(generate), python))
    return Compiled(
        protos=protos,
        positions={path: found[path].positions for path in order if path not in compiler.fresh},
        generate=tuple(generate),
        modules=modules,
        toolchain=_toolchain(modules.values()),
        schemas=found,
        is_settled=sources.unchanged(compiler.fresh),
    )


class _Compiler:
    """Runs of protoc, and what is known from earlier ones."""

    def __init__(self, root: Path, folders: Sequence[str], sources: Sources) -> None:
        self._root = root
        self._folders = [f"-I{folder}" for folder in folders]
        self._sources = sources
        self.schemas: dict[str, KeptSchema] = {}
        self.fresh: dict[str, FileDescriptorProto] = {}
        """Those that a run of this compiler has compiled."""

    def run(self, paths: Sequence[str]) -> None:
        """Compiles schemas, and takes of what they import that which is not known."""
        if includes.VALIDATE not in (*self.schemas, *paths):
            paths = [*paths, includes.VALIDATE]
        with tempfile.TemporaryDirectory(prefix="protonats-") as temporary:
            out = Path(temporary, "python")
            out.mkdir()
            descriptors = Path(temporary, "schemas.binpb")
            flags = [*self._folders, *includes.flags(Path(temporary, "includes"))]
            outputs = [f"--descriptor_set_out={descriptors}", f"--python_out={out}"]
            outputs += ["--include_imports", "--include_source_info"]
            _run([*_PROTOC, *flags, *outputs, *paths], self._root)
            for proto in FileDescriptorSet.FromString(descriptors.read_bytes()).file:
                if proto.name in paths or proto.name not in self.schemas:
                    module = out / _file_of(module_of(proto.name))
                    text = module.read_bytes() if proto.name in paths else b""
                    source = self._sources.digest(proto.name)
                    self.schemas[proto.name] = kept_schema(proto, source, text)
                    self.fresh[proto.name] = proto

    def proto(self, path: str) -> FileDescriptorProto:
        """The descriptor of a schema."""
        return self.fresh.get(path) or FileDescriptorProto.FromString(self.schemas[path].outline)


def _in_order(paths: Iterable[str], schemas: Mapping[str, KeptSchema]) -> list[str]:
    """Schemas and all that they import, imported ones before their importers."""
    order: dict[str, None] = {}

    def add(path: str) -> None:
        if path not in order:
            for imported in schemas[path].imports:
                add(imported)
            order[path] = None

    for path in paths:
        add(path)
    return list(order)


def _modules(
    protos: Iterable[FileDescriptorProto],
    schemas: Mapping[str, KeptSchema],
    generate: Container[str],
    python: PythonOptions,
) -> Iterator[tuple[str, bytes]]:
    for proto in protos:
        if proto.name in generate:
            text = rewrite_imports(schemas[proto.name].module, proto, generate, python)
            yield _file_of(python.messages(proto.name)), text


def _file_of(module: str) -> str:
    return module.replace(".", "/") + ".py"


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
