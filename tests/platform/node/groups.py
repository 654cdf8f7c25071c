"""Control groups: each machine has one of its own, or their systemds would meddle."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.platform.tools import tool

__all__ = ["drop_group", "end_group", "groups", "in_group"]

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


def groups() -> set[str]:
    """The names of all groups that there are."""
    return {each.name for folder in _HYBRID or [_MOUNTED] for each in folder.iterdir()}


def end_group(name: str) -> bool:
    """Kills what runs in a group, and removes it; whether it is gone already."""
    for folder in _folders(name):
        for file in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                # What another container runs is listed as 0.
                for process in {*file.read_text().split()} - {"0"}:
                    os.kill(int(process), signal.SIGKILL)
    drop_group(name)
    return not any(folder.exists() for folder in _folders(name))
