"""What the schemas say now, merged into the scaffolds that somebody filled in."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from protoc_gen_nats.project.begun import begun, record_path, recorded
from protoc_gen_nats.project.diffs import unified
from protoc_gen_nats.project.merging import Merge, add_missing, has_markers, merge

__all__ = ["ScaffoldUpdate", "UpdateState", "orphaned_scaffolds", "outdated", "plan_updates"]


class UpdateState(enum.Enum):
    """What becomes of a scaffold."""

    BEGUN = "begun"
    """It is new."""

    MERGED = "merged"
    """What the schemas changed was merged."""

    CONFLICT = "conflict"
    """The user changed the same lines: both stand there, between git's markers."""

    UNRESOLVED = "unresolved"
    """An earlier merge left markers, or the file cannot be read as text: nothing is done until the
    user has."""

    RECORDED = "recorded"
    """The file stays, and what it is compared with from now on is written down."""

    ORPHANED = "orphaned"
    """No schema has the service any more: the file stays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScaffoldUpdate:
    """What becomes of one scaffold."""

    path: str
    state: UpdateState
    files: Mapping[str, bytes]
    """What is written for it, in this order."""

    diff: str = ""
    """From what the user has to what is written, as a unified diff."""

    conflicts: int = 0
    notes: tuple[str, ...] = ()
    """What the user has to know, one sentence each."""


def outdated(root: Path, scaffolds: Mapping[str, bytes]) -> list[str]:
    """Scaffolds that would be begun otherwise now than they were."""
    return [
        path
        for path, content in scaffolds.items()
        if os.path.lexists(root / path) and begun(root, path) not in (None, content)
    ]


def orphaned_scaffolds(root: Path, scaffolds: Mapping[str, bytes]) -> list[str]:
    """Scaffolds of services that no schema has any more."""
    return [path for path in recorded(root) if path not in scaffolds and (root / path).is_file()]


def plan_updates(root: Path, scaffolds: Mapping[str, bytes]) -> Iterator[ScaffoldUpdate]:
    """Decides what becomes of each scaffold, and writes nothing.

    Args:
        root: The project.
        scaffolds: As they would be begun now, by path relative to the project.

    Raises:
        UserError: git is needed, and missing.
    """
    for path, content in scaffolds.items():
        if update := _planned(root, path, content):
            yield update
    for path in orphaned_scaffolds(root, scaffolds):
        note = "no schema has its service any more: take from it what you need, and delete it"
        yield ScaffoldUpdate(path=path, state=UpdateState.ORPHANED, files={}, notes=(note,))


def _is_unresolved(path: Path) -> bool:
    """Whether a file has conflicts of an earlier merge."""
    return path.is_file() and has_markers(path.read_text(encoding="utf-8", errors="replace"))


def _planned(root: Path, path: str, content: bytes) -> ScaffoldUpdate | None:
    record = record_path(path)
    if not os.path.lexists(root / path):
        files = {record: content, path: content}
        return ScaffoldUpdate(
            path=path, state=UpdateState.BEGUN, files=files, diff=unified(path, b"", content)
        )
    base = begun(root, path)
    if base == content and not _is_unresolved(root / path):
        return None
    if (root / path).is_symlink():
        return _skipped(
            path, "a symbolic link, into which nothing is merged: put a file in its place"
        )
    raw = (root / path).read_bytes()
    try:
        ours = raw.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = f"not UTF-8 at byte {error.start + 1}"
        return _skipped(path, f"{where}, so that nothing is merged: save it as UTF-8")
    if has_markers(ours):
        return _skipped(path, "has conflicts of an earlier merge: resolve them, and update again")
    theirs = content.decode()
    merged = add_missing(ours, theirs) if base is None else merge(base.decode(), ours, theirs)
    ends = b"\r\n" if b"\r\n" in raw else b"\n"
    text = merged.text.encode().replace(b"\n", ends)
    if merged.text == ours:
        state, files = UpdateState.RECORDED, {record: content}
    else:
        state = UpdateState.CONFLICT if merged.conflicts else UpdateState.MERGED
        # The user's file first: where a run is interrupted between them, the next merges again.
        files = {path: text, record: content}
    return ScaffoldUpdate(
        path=path,
        state=state,
        files=files,
        diff=unified(path, ours.encode(), merged.text.encode()),
        conflicts=merged.conflicts,
        notes=tuple(_notes(merged)),
    )


def _skipped(path: str, note: str) -> ScaffoldUpdate:
    return ScaffoldUpdate(path=path, state=UpdateState.UNRESOLVED, files={}, notes=(note,))


def _notes(merged: Merge) -> Iterator[str]:
    if merged.problem:
        yield f"{merged.problem}, so that nothing is merged: compare it with its schema by hand"
    for name in merged.kept:
        yield f"{name} stays, though no schema has it any more: delete it if nobody needs it"
