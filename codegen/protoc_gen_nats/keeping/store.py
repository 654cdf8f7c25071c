"""One file for each project, in the user's cache."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs

from protoc_gen_nats.keeping.fingerprint import fingerprint
from protoc_gen_nats.writing import write_file

__all__ = ["Kept", "KeptFile", "KeptSchema", "read_kept", "write_kept"]

_FORMAT = 1
_DIGEST = 32
_FORGOTTEN_AFTER = 30 * 86400
"""Seconds in which nothing of a project changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptSchema:
    """What protoc made of a schema."""

    source: str
    """The digest of its text; empty: it is not the project's."""

    imports: tuple[str, ...]
    packages: tuple[str, ...]
    """Its package, and those around it."""

    names: tuple[str, ...]
    """What it declares that no other schema may declare too."""

    outline: bytes
    """The FileDescriptorProto, with an outline of its SourceCodeInfo."""

    positions: bytes
    """The whole SourceCodeInfo."""

    module: bytes
    """The message module as protoc wrote it; empty: nobody wanted it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """What was rendered."""

    key: str
    """The digest of all that it was made from."""

    content: str
    """The digest of what it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What the last run of a project left."""

    schemas: Mapping[str, KeptSchema] = field(default_factory=dict)
    """By path."""

    files: Mapping[str, KeptFile] = field(default_factory=dict)
    """By path relative to the project."""


def read_kept(root: Path) -> Kept:
    """What is kept for a project; nothing, if that is no use for this run."""
    try:
        raw = _place(root).read_bytes()
        if sha256(memoryview(raw)[_DIGEST:]).digest() != raw[:_DIGEST]:
            return Kept()
        return _parsed(raw)
    except (OSError, ValueError, KeyError, TypeError):
        return Kept()


def write_kept(root: Path, kept: Kept) -> None:
    """Keeps something for a project, if that can be written."""
    body = _body(kept)
    with suppress(OSError):
        place = _place(root)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(place, sha256(body).digest() + body)
        for other in place.parent.glob("project-*"):
            if other.stat().st_mtime < time.time() - _FORGOTTEN_AFTER:
                other.unlink()


def _place(root: Path) -> Path:
    name = sha256(os.path.realpath(root).encode(errors="surrogateescape")).hexdigest()[:16]
    return platformdirs.user_cache_path("protonats") / f"project-{name}"


def _body(kept: Kept) -> bytes:
    blobs: list[bytes] = []
    schemas = []
    for path, one in kept.schemas.items():
        parts = (one.outline, one.positions, one.module)
        blobs += parts
        schemas.append([path, one.source, one.imports, one.packages, one.names, [*map(len, parts)]])
    head = {
        "format": _FORMAT,
        "fingerprint": fingerprint(),
        "schemas": schemas,
        "files": {path: [one.key, one.content] for path, one in kept.files.items()},
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    return b"".join((len(text).to_bytes(8, "big"), text, *blobs))


def _parsed(raw: bytes) -> Kept:
    begin = _DIGEST + 8
    end = begin + int.from_bytes(raw[_DIGEST:begin], "big")
    head = json.loads(raw[begin:end])
    if head["format"] != _FORMAT or head["fingerprint"] != fingerprint():
        return Kept()
    return Kept(
        schemas=dict(_schemas(head["schemas"], raw, end)),
        files={
            path: KeptFile(key=key, content=content)
            for path, (key, content) in head["files"].items()
        },
    )


def _schemas(entries: Any, raw: bytes, at: int) -> Iterator[tuple[str, KeptSchema]]:
    for path, source, imports, packages, names, sizes in entries:
        parts = []
        for size in sizes:
            parts.append(raw[at : at + size])
            at += size
        outline, positions, module = parts
        yield (
            path,
            KeptSchema(
                source=source,
                imports=tuple(imports),
                packages=tuple(packages),
                names=tuple(names),
                outline=outline,
                positions=positions,
                module=module,
            ),
        )
