"""Removes what killed runs have left. Each name tells which process something belongs to."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from functools import partial
from pathlib import Path

from tests.platform.node.cloud import run
from tests.platform.node.groups import end_group, groups
from tests.platform.node.machines import until
from tests.platform.tools import tool

__all__ = ["sweep"]

_NAME = re.compile(r"\b(?:chamber|nodes)-(\d+)\b")


def sweep() -> None:
    """Takes away the machines, networks and disks of processes that are gone."""
    ip, losetup = tool("ip"), tool("losetup")
    spaces = [line.split()[0] for line in run(ip, "netns").splitlines() if _left(line)]
    for space in spaces:
        for process in run(ip, "netns", "pids", space, check=False).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
    for name in filter(_left, groups()):
        until(partial(end_group, name), f"{name} ends")
        shutil.rmtree(f"/run/systemd/nspawn/propagate/{name}", ignore_errors=True)
    for line in Path("/proc/mounts").read_text().splitlines():
        source, root = line.split()[:2]
        if _left(source):
            run(tool("umount"), "--lazy", root, check=False)
            shutil.rmtree(Path(root).parent, ignore_errors=True)
    for space in spaces:
        run(ip, "netns", "del", space, check=False)
    columns = ("--list", "--noheadings", "--output", "NAME,BACK-FILE")
    for line in filter(_left, run(losetup, *columns).splitlines()):
        loop, image, *_ = line.split()
        run(losetup, "-d", loop, check=False)
        Path(image).unlink(missing_ok=True)


def _left(name: str) -> bool:
    """Whether something with this name, or whose name is in this text, is of a process that is
    gone."""
    found = _NAME.search(name)
    # One that nobody has waited for is listed, and has no program.
    return found is not None and not Path("/proc", found[1], "exe").exists()
