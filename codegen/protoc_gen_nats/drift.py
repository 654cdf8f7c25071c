"""How the files of a project differ from what its schemas say."""

from __future__ import annotations

import ast
import difflib
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from protoc_gen_nats.lock import Lock, digest

__all__ = ["Drift", "State", "find_drift", "same_meaning"]


class State(enum.Enum):
    """In which way a file differs."""

    CHANGED = "changed"
    """The schemas say something else now."""

    MISSING = "missing"
    """The file should be there."""

    ORPHANED = "orphaned"
    """Nothing generates the file any more."""

    HAND_EDITED = "hand-edited"
    """The file is not what was generated: somebody changed it."""

    TOOLCHAIN = "toolchain"
    """It means the same and reads differently: another version of protoc wrote it. No drift."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One file that differs."""

    path: str
    state: State
    diff: str
    """From what is there to what should be there, as a unified diff."""


def find_drift(
    root: Path, expected: Mapping[str, bytes], lock: Lock, owned: Path
) -> Iterator[Drift]:
    """Compares files with what they should be.

    Args:
        root: The project.
        expected: The content of every owned file, by path relative to `root`.
        lock: The record of the last generation.
        owned: The folder in which everything is owned.
    """
    for path, content in sorted(expected.items()):
        target = root / path
        actual = target.read_bytes() if target.is_file() else None
        if actual == content:
            continue
        if actual is None:
            yield Drift(path=path, state=State.MISSING, diff=_diff(path, b"", content))
        elif lock.files.get(path, digest(actual)) != digest(actual):
            yield Drift(path=path, state=State.HAND_EDITED, diff=_diff(path, actual, content))
        elif same_meaning(path, actual, content):
            yield Drift(path=path, state=State.TOOLCHAIN, diff="")
        else:
            yield Drift(path=path, state=State.CHANGED, diff=_diff(path, actual, content))
    present = {path.relative_to(root).as_posix() for path in _files(owned)}
    recorded = {path for path in lock.files if (root / path).is_file()}
    for path in sorted((present | recorded) - expected.keys()):
        diff = _diff(path, (root / path).read_bytes(), b"")
        yield Drift(path=path, state=State.ORPHANED, diff=diff)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def same_meaning(path: str, left: bytes, right: bytes) -> bool:
    """Whether two message modules of protoc hold the same descriptor."""
    if not path.endswith("_pb2.py"):
        return False
    descriptor = _descriptor(left)
    return descriptor is not None and descriptor == _descriptor(right)


def _descriptor(module: bytes) -> bytes | None:
    """The serialized descriptor in a message module, or None if there is none."""
    try:
        tree = ast.parse(module)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "AddSerializedFile"
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, bytes)
        ):
            return node.args[0].value
    return None


def _diff(path: str, old: bytes, new: bytes) -> str:
    if path.endswith("_pb2.py"):
        return f"--- {path}\n+++ {path}\n(the compiled descriptor differs: see its .pyi)\n"
    return "".join(
        difflib.unified_diff(
            old.decode(errors="replace").splitlines(keepends=True),
            new.decode(errors="replace").splitlines(keepends=True),
            fromfile=path if old else "/dev/null",
            tofile=path if new else "/dev/null",
        )
    )
