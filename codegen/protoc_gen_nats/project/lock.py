"""`protonats.lock`: which files were generated, and what was in them.

It tells a hand edit from a change of the schemas, and a file that is no longer generated from one
that never was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from protoc_gen_nats.contents import digest
from protoc_gen_nats.errors import Place, UserError

__all__ = ["LOCK_NAME", "OWNED", "Lock", "read_lock"]

LOCK_NAME = "protonats.lock"

OWNED = "generated"
"""The folder of a project in which every file is the generator's, and of which a lock speaks."""

_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """The record of one generation."""

    toolchain: Mapping[str, str] = field(default_factory=dict)
    """Versions of what generated: a change of these alone is no drift."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Digests of the owned files, by path relative to the project."""

    pending: Mapping[str, str] = field(default_factory=dict)
    """Digests of those that a run was writing when it was interrupted."""

    def paths(self) -> set[str]:
        """All files that were generated."""
        return {*self.files, *self.pending}

    def holds(self, path: str, content: bytes) -> bool:
        """Whether a file is as it was generated."""
        return digest(content) in (self.files.get(path), self.pending.get(path))

    def serialize(self) -> bytes:
        """The content of the lock file."""
        value: dict[str, Any] = {
            "format": _FORMAT,
            "toolchain": dict(sorted(self.toolchain.items())),
            "files": dict(sorted(self.files.items())),
        }
        if self.pending:
            value["pending"] = dict(sorted(self.pending.items()))
        return (json.dumps(value, indent=2) + "\n").encode()


def read_lock(root: Path) -> Lock:
    """Reads a project's lock file; an empty record if there is none.

    Raises:
        UserError: The file is not a lock file.
    """
    path = root / LOCK_NAME
    try:
        value = json.loads(path.read_bytes())
        if value["format"] != _FORMAT:
            text = "upgrade protonats, or delete the file and generate again"
            raise UserError.of(f"format {value['format']} is not known: {text}", Place(LOCK_NAME))
        toolchain, files = _texts(value["toolchain"]), _texts(value["files"])
        pending = _texts(value.get("pending", {}))
    except FileNotFoundError:
        return Lock()
    except (ValueError, KeyError, TypeError) as error:
        raise _broken() from error
    # What is recorded here is shown and removed: nothing that a generation cannot have written.
    if not all(map(_is_owned, (*files, *pending))):
        raise _broken()
    return Lock(toolchain=toolchain, files=files, pending=pending)


def _texts(value: Any) -> dict[str, str]:
    """A mapping of texts to texts, as it is."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _broken()
    return value


def _is_owned(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[:1] == (OWNED,) and ".." not in parts


def _broken() -> UserError:
    text = "not a lock file: restore it from version control, or delete it and generate again"
    return UserError.of(text, Place(LOCK_NAME))
