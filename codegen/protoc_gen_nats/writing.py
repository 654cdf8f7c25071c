"""Writing files so that nobody ever sees half of one, and runs do not disturb each other."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path

__all__ = ["exclusive", "sweep", "write_all", "write_file"]

_TEMPORARY = ".protonats-tmp"
"""How the names of files end that are not in their place yet."""

_MANY = 32


def write_file(path: Path, content: bytes) -> None:
    """Writes a file as a whole: readers see the old content or the new."""
    write_all(path.parent, {path.name: content})


def write_all(root: Path, files: Mapping[str, bytes], *, mode: int | None = None) -> None:
    """Writes files below `root`, whose content is first stored beside them in full.

    If storing fails, no file has changed. Each file then takes its place in one step, in the order
    of `files`. One that was there keeps its permissions, and a symbolic link is replaced, not
    followed.

    Args:
        root: The folder.
        files: Contents, by paths relative to it.
        mode: The permissions of every file, in place of those that it has or would get.

    Raises:
        OSError: A file cannot be written.
    """
    targets = {root / name: content for name, content in files.items()}
    usual = _usual_mode()
    temporaries: list[str] = []

    def stored(target: Path) -> str:
        if target.is_dir() and not target.is_symlink():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(target))
        descriptor, temporary = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name}.", suffix=_TEMPORARY
        )
        temporaries.append(temporary)
        _store(descriptor, targets[target], target)
        os.chmod(temporary, _mode(target, usual) if mode is None else mode)
        return temporary

    try:
        for folder in dict.fromkeys(target.parent for target in targets):
            folder.mkdir(parents=True, exist_ok=True)
        if len(targets) < _MANY:
            in_order = [*map(stored, targets)]
        else:
            from concurrent.futures import ThreadPoolExecutor

            # Making a file is waiting for the disk: while one waits, another is made.
            with ThreadPoolExecutor(max_workers=2) as pool:
                in_order = [*pool.map(stored, targets)]
        for temporary, target in zip(in_order, targets, strict=True):
            os.replace(temporary, target)
    finally:
        for temporary in temporaries:
            Path(temporary).unlink(missing_ok=True)


def _store(descriptor: int, content: bytes, target: Path) -> None:
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        error.filename = str(target)
        raise


@contextmanager
def exclusive(root: Path) -> Iterator[bool]:
    """Waits until no other run writes in a project, and keeps others waiting.

    A run that is killed keeps nobody waiting. Gives whether that works: not every disk of a network
    has locks, and runs on one without go on beside each other.
    """
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def sweep(root: Path, folders: Iterable[str]) -> None:
    """Removes what runs left behind that were killed. No other run may be writing: `exclusive`.

    Args:
        root: The project.
        folders: Those in which files are written, besides the project's own.
    """
    for path in root.iterdir():
        _sweep(path)
    for top in folders:
        for folder, _, names in os.walk(root / top):
            for name in names:
                _sweep(Path(folder, name))


def _sweep(path: Path) -> None:
    if path.name.startswith(".") and path.name.endswith(_TEMPORARY):
        path.unlink(missing_ok=True)


def _mode(target: Path, usual: int) -> int:
    """The permissions of a file that is there, or those that a new one gets."""
    if target.is_file() and not target.is_symlink():
        return target.stat().st_mode & 0o7777
    return usual


def _usual_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
