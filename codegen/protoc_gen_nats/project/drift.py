"""How the files of a project differ from what its schemas say."""

from __future__ import annotations

import ast
import enum
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from protoc_gen_nats.contents import content_of
from protoc_gen_nats.project.diffs import unified
from protoc_gen_nats.project.links import check_links
from protoc_gen_nats.project.lock import LOCK_NAME, OWNED, Lock

__all__ = ["Drift", "State", "difference", "find_drift", "same_meaning"]


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
    old: bytes
    """What is there."""

    new: bytes
    """What should be there. Of another toolchain's file both are empty."""

    foreign: bool = False
    """Whether it is an orphan that was never generated, so that generating does not remove it."""

    @property
    def diff(self) -> str:
        """From what is there to what should be there, as a unified diff."""
        return difference(self.path, self.old, self.new)


def find_drift(
    root: Path, expected: Mapping[str, bytes], digests: Mapping[str, str], lock: Lock
) -> list[Drift]:
    """Compares files with what they should be, and the lock with the files that are.

    Args:
        root: The project.
        expected: The content of every owned file, by path relative to `root`.
        digests: The digests of these.
        lock: The record of the last generation.

    Raises:
        UserError: A folder of these files is a link to a place outside the project.
    """
    check_links(root, {*expected, *lock.paths()})
    found = [*_expected_files(root, expected, lock), *_orphans(root, expected, lock)]
    return [*found, *_lock(digests, lock, {one.path for one in found})]


def _expected_files(root: Path, expected: Mapping[str, bytes], lock: Lock) -> Iterator[Drift]:
    for path, content in sorted(expected.items()):
        actual = content_of(root / path)
        if actual == content:
            continue
        if actual is None:
            yield Drift(path=path, state=State.MISSING, old=b"", new=content)
        elif path in lock.paths() and not lock.holds(path, actual):
            yield Drift(path=path, state=State.HAND_EDITED, old=actual, new=content)
        elif same_meaning(path, actual, content):
            yield Drift(path=path, state=State.TOOLCHAIN, old=b"", new=b"")
        else:
            yield Drift(path=path, state=State.CHANGED, old=actual, new=content)


def _orphans(root: Path, expected: Mapping[str, bytes], lock: Lock) -> Iterator[Drift]:
    # Unlike rglob, a walk goes on where another run has just removed a folder.
    present = {
        Path(folder, name).relative_to(root).as_posix()
        for folder, _, names in os.walk(root / OWNED)
        for name in names
    }
    visible = {path for path in present if not _is_by_the_way(path)}
    for path in sorted((visible | lock.paths()) - expected.keys()):
        content = content_of(root / path)
        if content is not None:
            foreign = path not in lock.paths()
            name = _printable(path) if foreign else path
            yield Drift(path=name, state=State.ORPHANED, old=content, new=b"", foreign=foreign)


def _printable(path: str) -> str:
    """A name that may not be UTF-8, as it can be printed."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _is_by_the_way(path: str) -> bool:
    """Whether interpreters, editors, desktops or another run at this moment leave such files."""
    return any(part.startswith(".") or part == "__pycache__" for part in path.split("/"))


def _lock(digests: Mapping[str, str], lock: Lock, drifted: set[str]) -> Iterator[Drift]:
    """The lock, if it is wrong about files that are right: the next edit of the schemas would be
    taken for one by hand."""
    recorded = {path: text for path, text in lock.files.items() if path not in drifted}
    right = {path: text for path, text in digests.items() if path not in drifted}
    if recorded != right:
        old = Lock(toolchain=lock.toolchain, files=recorded).serialize() if lock.files else b""
        new = Lock(toolchain=lock.toolchain, files=right).serialize()
        state = State.CHANGED if lock.files else State.MISSING
        yield Drift(path=LOCK_NAME, state=state, old=old, new=new)


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


def difference(path: str, old: bytes, new: bytes) -> str:
    """The difference of a file as a unified diff; of a message module, that there is one."""
    before, after = (path if old else "/dev/null"), (path if new else "/dev/null")
    if path.endswith("_pb2.py") and not same_meaning(path, old, new):
        return f"--- {before}\n+++ {after}\n(the compiled descriptor differs: see its .pyi)\n"
    return unified(path, old, new)
