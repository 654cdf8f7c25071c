"""Which files of a project have changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protoc_gen_nats.project.project import MANIFEST_NAME

__all__ = ["Changes", "Files"]

_OUTSIDE: Final = frozenset(
    {"build", "dist", "generated", "node_modules", "tests", "venv", "__pycache__"}
)
"""Folders whose files are no source of a running service, or follow from one."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since the last look."""

    schemas: tuple[str, ...]
    """Schemas and the manifest, relative to the project."""

    code: tuple[str, ...]
    """Python modules, relative to the project."""

    def __bool__(self) -> bool:
        return bool(self.schemas or self.code)


class Files:
    """The files of a project, and when they were written."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = self._look()

    def changes(self) -> Changes:
        """What was written, added or removed since this was last asked."""
        before, self._seen = self._seen, self._look()
        paths = sorted(
            path for path in {*before, *self._seen} if before.get(path) != self._seen.get(path)
        )
        return Changes(
            schemas=tuple(path for path in paths if not path.endswith(".py")),
            code=tuple(path for path in paths if path.endswith(".py")),
        )

    def _look(self) -> Mapping[str, int]:
        return dict(self._times())

    def _times(self) -> Iterator[tuple[str, int]]:
        for folder, folders, names in os.walk(self._root):
            folders[:] = [one for one in folders if one not in _OUTSIDE and not one.startswith(".")]
            for name in names:
                if not name.endswith((".py", ".proto")) and name != MANIFEST_NAME:
                    continue
                path = Path(folder, name)
                try:
                    yield path.relative_to(self._root).as_posix(), path.stat().st_mtime_ns
                except FileNotFoundError:  # removed just now
                    continue
