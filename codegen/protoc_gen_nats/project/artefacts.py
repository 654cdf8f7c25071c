"""All files that the schemas and the manifest of a project turn into."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

from protoc_gen_nats import __version__
from protoc_gen_nats.contents import digest
from protoc_gen_nats.errors import Problem
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.keeping.files import Renderer
from protoc_gen_nats.keeping.fingerprint import fingerprint
from protoc_gen_nats.keeping.schemas import digests
from protoc_gen_nats.keeping.store import Kept, write_kept
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.project.begun import record_path
from protoc_gen_nats.project.lock import OWNED
from protoc_gen_nats.protoc import Compiled
from protoc_gen_nats.rendering.templates import with_templates_of
from protoc_gen_nats.targets import (
    deployment,
    documents,
    extra,
    jetstream,
    manifest_schema,
    python,
    scaffold,
    services,
)

__all__ = ["Rendered", "render_all"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """All that the schemas and the manifest turn into."""

    owned: Mapping[str, bytes]
    """Files that are always rewritten, by path relative to the project."""

    scaffolds: Mapping[str, bytes]
    """Files that are written once."""

    digests: Mapping[str, str]
    """Those of `owned`, by path."""

    toolchain: Mapping[str, str]
    warnings: tuple[Problem, ...] = ()
    """What is probably not meant, and stops nothing."""


def render_all(
    root: Path,
    manifest: Manifest,
    compiled: Compiled,
    schema: Schema,
    kept: Kept,
    warnings: tuple[Problem, ...] = (),
) -> Rendered:
    """Renders everything.

    Args:
        root: The project.
        manifest: Its manifest.
        compiled: Its schemas, and the message modules that protoc wrote.
        schema: The same schemas.
        kept: What the last run left; what this one leaves is written in its place.
        warnings: What is to be said about them.

    Raises:
        UserError: A template of the project is wrong.
    """
    owned = {f"{OWNED}/python/{path}": content for path, content in compiled.modules.items()}
    common = _common(root, manifest)
    renderer = Renderer(root, kept.files, digests(compiled.schemas), common)
    with _templates(root, manifest):
        for path, file in _files(schema, manifest):
            owned[path] = (
                file.content if isinstance(file, GeneratedFile) else renderer.content(path, file)
            )
        taken = {path.removeprefix(f"{OWNED}/") for path in owned}
        extras = extra.render(schema, taken)
        owned.update((f"{OWNED}/{file.path}", file.content) for file in extras)
        # Of a scaffold it is known how it was begun, and not what became of it.
        scaffolds = {
            planned.path: renderer.content(record_path(planned.path), planned)
            for planned in scaffold.plan(schema)
        }
    new = Kept(schemas=compiled.schemas, files=renderer.kept)
    if new != kept and compiled.is_settled and common == _common(root, manifest):
        write_kept(root, new)
    return Rendered(
        owned=owned,
        scaffolds=scaffolds,
        digests={
            path: known.content if (known := renderer.kept.get(path)) else digest(content)
            for path, content in owned.items()
        },
        toolchain={"protobuf": compiled.toolchain, "protonats": __version__},
        warnings=warnings,
    )


def _files(schema: Schema, manifest: Manifest) -> Iterator[tuple[str, GeneratedFile | PlannedFile]]:
    """What the targets make, by path below the project."""
    for file in python.plan(schema):
        yield f"{OWNED}/python/{file.path}", file
    whole = (
        jetstream.render(schema, manifest),
        services.render(schema),
        manifest_schema.render(schema),
    )
    for one in chain(*whole, documents.plan(schema, manifest), deployment.plan(schema, manifest)):
        yield f"{OWNED}/{one.path}", one


def _common(root: Path, manifest: Manifest) -> bytes:
    """What has a part in every file."""
    parts = [fingerprint().encode(), pickle.dumps(manifest)]
    if manifest.templates is not None:
        for path in sorted((root / manifest.templates).rglob("*")):
            parts += [os.fsencode(path), path.read_bytes()] if path.is_file() else []
    return b"".join(sha256(part).digest() for part in parts)


def _templates(root: Path, manifest: Manifest) -> AbstractContextManager[None]:
    if manifest.templates is None:
        return nullcontext()
    return with_templates_of(
        root / manifest.templates, manifest.templates, manifest.templates_place
    )
