"""Control groups: each machine has one of its own, or their systemds would meddle."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.platform.tools import tool

__all__ = ["drop_group", "in_group"]

_MOUNTED = Path("/sys/fs/cgroup")
_HYBRID = [path for name in ("unified", "systemd") if (path := _MOUNTED / name).is_dir()]


def _folders(name: str) -> list[Path]:
    return [folder / name for folder in _HYBRID or [_MOUNTED]]


def in_group(name: str) -> list[str]:
    """What a command begins with that shall run in a group of this name."""
    entries = []
    for folder in _folders(name):
        folder.mkdir(exist_ok=True)
        entries.append(f'echo $$ >"{folder}/cgroup.procs"')
    return [tool("sh"), "-c", f'{"; ".join(entries)}; exec "$@"', "sh"]


def drop_group(name: str) -> None:
    """Removes a group in which nothing runs, and all below it."""
    for folder in _folders(name):
        below = sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True)
        for each in (*below, folder):
            with contextlib.suppress(OSError):
                each.rmdir()
