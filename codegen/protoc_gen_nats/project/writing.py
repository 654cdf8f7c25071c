"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from errno import EISDIR
from pathlib import Path

__all__ = ["write_all", "write_file"]


def write_file(path: Path, content: bytes) -> None:
    """Writes a file as a whole: readers see the old content or the new."""
    write_all(path.parent, {path.name: content})


def write_all(root: Path, files: Mapping[str, bytes]) -> None:
    """Writes files below `root`, whose content is first stored beside them in full.

    If storing fails, no file has changed. Each file then takes its place in one step.

    Raises:
        OSError: A file cannot be written.
    """
    stored: list[tuple[str, Path]] = []
    try:
        for name, content in files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(target))
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            stored.append((temporary, target))
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o666 & ~_umask())
        for temporary, target in stored:
            os.replace(temporary, target)
    finally:
        for temporary, _ in stored:
            Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
