"""Keys and certificates in a folder, which nobody else may read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.keys.places import (
    CA,
    CERTIFICATE,
    CREDENTIALS,
    PRIVATE_KEY,
    SEED,
    Holder,
)
from protoc_gen_nats.writing import exclusive, write_all

__all__ = ["FolderStore", "private_folder", "write_private"]

_FILES: Final = {
    # The key before its certificate: who reads in between finds a pair that does not fit, and reads
    # again when the certificate is there.
    PRIVATE_KEY: "key.pem",
    CERTIFICATE: "cert.pem",
    CA: "ca.pem",
    SEED: "nkey.seed",
    CREDENTIALS: "user.creds",
}
_STATE: Final = "state.json"
"""The other fields: what only this command line needs."""


class FolderStore:
    """A folder: `keys.conf`, `users/<user>/`, `nodes/<node>/`."""

    settling = 0.0

    def __init__(self, root: Path) -> None:
        self._root = root

    def alone(self) -> AbstractContextManager[object]:
        private_folder(self._root)
        return exclusive(self._root)

    def where(self, holder: Holder) -> str:
        return str(self._root / holder.path)

    def read(self, holder: Holder) -> dict[str, str]:
        folder = self._root / holder.path
        fields = _state(folder / _STATE)
        for field, name in _FILES.items():
            if text := _text(folder / name):
                fields[field] = text
        return fields

    def write(self, holder: Holder, fields: Mapping[str, str]) -> None:
        folder = self._root / holder.path
        old = self.read(holder)
        for field in old.keys() - fields.keys() & _FILES.keys():
            (folder / _FILES[field]).unlink(missing_ok=True)
        files = {
            name: fields[field]
            for field, name in _FILES.items()
            if field in fields and fields[field] != old.get(field)
        }
        if state := {key: text for key, text in fields.items() if key not in _FILES}:
            files[_STATE] = json.dumps(state, indent=2) + "\n"
        write_private(folder, files)

    def published(self, name: str) -> str:
        return _text(self._root / name)

    def publish(self, name: str, content: str) -> None:
        if content != self.published(name):
            write_private(self._root, {name: content})


def private_folder(folder: Path) -> None:
    """Makes a folder, and those above it, that nobody else may look into. One that is there stays
    as it is."""
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private(folder: Path, files: Mapping[str, str]) -> None:
    """Writes files that nobody else may read; each is replaced as a whole."""
    private_folder(folder)
    write_all(folder, {name: text.encode() for name, text in files.items()}, mode=0o600)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise _damaged(path) from None


def _state(path: Path) -> dict[str, str]:
    if not (text := _text(path)):
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        raise _damaged(path) from None
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise _damaged(path)
    return value


def _damaged(path: Path) -> UserError:
    return UserError.of("damaged: restore it from a backup, or remove it", Place(str(path)))
