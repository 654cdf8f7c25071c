"""`.protonats/scaffolds/`: each scaffold as it was begun, or as it was last merged.

It is what a merge has to know beside the user's file and the schemas, and is committed with them.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath

from protoc_gen_nats.contents import content_of
from protoc_gen_nats.project.merging import has_markers

__all__ = ["RECORDS", "begun", "record_path", "recorded", "stale_records"]

RECORDS = ".protonats/scaffolds"
"""The folder of the records, relative to the project."""

_SUFFIX = ".begun"
"""Behind the name of each record, so that nobody takes it for a module."""


def record_path(scaffold: str) -> str:
    """Where a scaffold is recorded, relative to the project."""
    return f"{RECORDS}/{scaffold}{_SUFFIX}"


def begun(root: Path, scaffold: str) -> bytes | None:
    """A scaffold as it was begun, or None if nobody knows that.

    Nobody does if version control left its markers in the record, or something else is there.
    """
    content = content_of(root / record_path(scaffold)) or b""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return content if content and not has_markers(text) else None


def recorded(root: Path) -> Iterator[str]:
    """All scaffolds of which there is a record."""
    folder = root / RECORDS
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        yield PurePosixPath(path.relative_to(folder)).as_posix().removesuffix(_SUFFIX)


def stale_records(root: Path, scaffolds: Container[str]) -> list[str]:
    """The records of scaffolds that are neither there nor begun any more."""
    return [
        record_path(path)
        for path in recorded(root)
        if path not in scaffolds and not (root / path).exists()
    ]
