"""Where a state of a project comes from: its folder, a git ref, another folder, or an image."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError

from protoc_gen_nats.building.schema import build
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.manifest import Manifest, load_manifest
from protoc_gen_nats.project.project import MANIFEST_NAME
from protoc_gen_nats.project.schemas import find_schemas, places_from_root
from protoc_gen_nats.protoc import compile_schemas

__all__ = ["current", "elsewhere", "git_output", "other"]

_IMPORTED = ("google/*", "buf/*", "protonats/*")
"""Schemas that an image holds because they are imported."""


def current(root: Path) -> Snapshot:
    """The state of the project in a folder.

    Raises:
        UserError: Something is wrong with its manifest or a schema.
    """
    return _of_project(root, load_manifest(root / MANIFEST_NAME), lenient=False)


def other(root: Path, name: str, exclude: Sequence[str] = ()) -> Snapshot:
    """The state that a project is compared with.

    What is wrong with its options is passed over: it cannot be mended any more.

    Args:
        root: The project.
        name: A folder or an image, relative to the working directory; else a git ref.
        exclude: Glob patterns of schemas that are not the project's, for what has no manifest that
            says so.

    Raises:
        UserError: There is no such thing, or its schemas cannot be read.
    """
    path = Path(name)
    if path.is_dir():
        return _of_folder(path, exclude)
    if path.is_file():
        return _of_image(path, exclude)
    return _of_git_ref(root, name)


def _of_project(root: Path, manifest: Manifest, *, lenient: bool) -> Snapshot:
    with places_from_root(folders := find_schemas(root, manifest)):
        return _compiled(root, manifest.proto_roots, folders, manifest, lenient=lenient)


def _compiled(
    root: Path,
    roots: Iterable[str],
    folders: dict[str, str],
    manifest: Manifest | None,
    *,
    lenient: bool,
) -> Snapshot:
    compiled = compile_schemas(root, list(roots), list(folders))
    return Snapshot(
        schema=build(compiled.protos, compiled.generate, complete=True, lenient=lenient),
        protos=compiled.protos,
        own=frozenset(folders),
        manifest=manifest,
        folders=folders,
    )


def _of_folder(folder: Path, exclude: Sequence[str]) -> Snapshot:
    """A folder with a manifest, or one that is itself a folder of schemas."""
    with elsewhere(str(folder)):
        if (folder / MANIFEST_NAME).is_file():
            return _of_project(folder, load_manifest(folder / MANIFEST_NAME), lenient=True)
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.proto"))
        own = [path for path in found if not _matches(path, exclude)]
        if not own:
            raise UserError.of(f"has neither a {MANIFEST_NAME} nor a .proto file")
        return _compiled(folder, ["."], dict.fromkeys(own, "."), None, lenient=True)


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _of_image(path: Path, exclude: Sequence[str]) -> Snapshot:
    """A FileDescriptorSet with all imports, as `buf build -o` and protoc write it."""
    with elsewhere(str(path)):
        content = path.read_bytes()
        try:
            if path.suffix == ".json":
                image = json_format.Parse(content, FileDescriptorSet(), ignore_unknown_fields=True)
            else:
                image = FileDescriptorSet.FromString(content)
        except (DecodeError, json_format.ParseError, UnicodeDecodeError) as error:
            text = "is no image: write one with `buf build -o image.binpb`, or with `protoc"
            raise UserError.of(f"{text} --include_imports --descriptor_set_out`") from error
        protos = tuple(_in_order(image.file))
        own = [p.name for p in protos if not _matches(p.name, (*_IMPORTED, *exclude))]
        if not own:
            raise UserError.of("holds no schema")
        return Snapshot(
            schema=build(protos, own, complete=True, lenient=True),
            protos=protos,
            own=frozenset(own),
            manifest=None,
        )


def _in_order(protos: Iterable[FileDescriptorProto]) -> Iterator[FileDescriptorProto]:
    """Schemas, imported ones before their importers."""
    waiting = {proto.name: proto for proto in protos}
    missing = {path for proto in waiting.values() for path in proto.dependency} - waiting.keys()
    if missing:
        text = f"lacks {', '.join(sorted(missing))}: write it with --include_imports"
        raise UserError.of(text)

    def take(proto: FileDescriptorProto) -> Iterator[FileDescriptorProto]:
        if waiting.pop(proto.name, None) is not None:
            for path in proto.dependency:
                if path in waiting:
                    yield from take(waiting[path])
            yield proto

    for proto in list(waiting.values()):
        yield from take(proto)


def _of_git_ref(root: Path, ref: str) -> Snapshot:
    with tempfile.TemporaryDirectory(prefix="protonats-") as temporary, elsewhere(ref):
        git_output(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )
        # Schemas may be beside the project: what is above its folder is there too.
        asked = git_output(root, "rev-parse", "--show-toplevel", "--show-prefix").decode()
        top, place = asked.split("\n")[:2]
        then = Path(temporary, place)
        then.mkdir(parents=True, exist_ok=True)
        text = git_output(
            root, "show", f"{ref}:./{MANIFEST_NAME}", missing=f"has no {MANIFEST_NAME}"
        )
        (then / MANIFEST_NAME).write_bytes(text)
        manifest = load_manifest(then / MANIFEST_NAME)
        for folder in manifest.proto_roots:
            missing = f"has no folder {folder}, which its {MANIFEST_NAME} names"
            path = os.path.normpath(f"{place}{folder}")
            archive = git_output(
                Path(top), "archive", "--format=zip", ref, "--", path, missing=missing
            )
            with zipfile.ZipFile(io.BytesIO(archive)) as schemas:
                schemas.extractall(temporary)
        return _of_project(then, manifest, lenient=True)


def git_output(root: Path, *arguments: str, missing: str = "") -> bytes:
    """What git prints.

    Args:
        root: Where it runs.
        arguments: Its arguments.
        missing: What is wrong if it fails.
    """
    command = ["git", "-C", str(root), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UserError.of("is no folder and no file, and git is not installed") from error
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            missing = "is no folder and no file, and the project is in no git repository"
        text = missing or "is no folder, no file and no git ref: name what to compare with"
        raise UserError.of(text)
    return result.stdout


@contextmanager
def elsewhere(name: str) -> Iterator[None]:
    """Lets the places of problems begin with the name of where they are."""
    try:
        yield
    except UserError as error:
        raise UserError(
            (
                replace(problem, text=f"{name} {problem.text}")
                if not problem.place.path
                else replace(problem, place=_within(name, problem.place))
            )
            for problem in error.problems
        ) from error


def _within(name: str, place: Place) -> Place:
    return replace(place, path=f"{name}:{place.path}")
