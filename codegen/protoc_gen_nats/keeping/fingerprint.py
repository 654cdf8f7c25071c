"""What has a part in every result, besides the project itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from pathlib import Path

__all__ = ["fingerprint"]


def fingerprint() -> str:
    """Another text for another Python, another version of any installed package, or other code or
    templates of the generator."""
    parts = [sys.version, *_installed(), *_own_files()]
    return sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def _installed() -> Iterator[str]:
    """The names of what describes installed packages: they hold the version."""
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        yield from sorted(name for name in names if name.endswith((".dist-info", ".egg-info")))


def _own_files() -> Iterator[str]:
    """The generator and its templates: where they are edited, versions say nothing."""
    package = Path(str(resources.files("protoc_gen_nats")))
    repository = package.parents[1]
    for top in (package, repository / "templates", repository / "proto/protonats"):
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                path = os.path.join(folder, name)
                found = os.stat(path)
                yield f"{path} {found.st_size} {found.st_mtime_ns}"
