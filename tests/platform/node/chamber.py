"""A Debian that is not booted: programs of a node run in it, one at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.platform.node.cloud import run
from tests.platform.node.groups import drop_group, in_group
from tests.platform.node.roots import debian
from tests.platform.tools import tool

__all__ = ["Chamber"]

_PROPAGATED = Path("/run/systemd/nspawn/propagate")
_STAND_INS = Path(__file__).parent / "stand_in"


class Chamber:
    """A root with the files that user data writes.

    Attributes:
        root: The root, as a folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    @contextmanager
    def of(cls, folder: Path, files: Mapping[str, str]) -> Iterator[Chamber]:
        """One with these files, by path; gone afterwards."""
        root, upper, work = folder / "root", folder / "upper", folder / "work"
        for each in (root, upper, work):
            each.mkdir(parents=True)
        options = f"lowerdir={debian()},upperdir={upper},workdir={work}"
        run(tool("mount"), "-t", "overlay", f"chamber-{os.getpid()}", "-o", options, str(root))
        try:
            for path, content in files.items():
                file = root / path.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
                file.chmod(0o755 if path.startswith("/opt/") else 0o644)
            shutil.copy(tool("nats-server"), root / "opt" / "nats" / "nats-server")
            shutil.copy(_STAND_INS / "aws", root / "usr" / "local" / "bin" / "aws")
            (root / "etc" / "stand-in-machine").write_text("chamber")
            (root / "etc" / "stand-in-instance").write_text("i-chamber")
            run(tool("chroot"), str(root), "useradd", "--system", "nats")
            yield cls(root)
        finally:
            run(tool("umount"), str(root))

    def do(
        self,
        *command: str,
        options: tuple[str, ...] = ("--private-network",),
        seconds: float = 20,
    ) -> tuple[int, str]:
        """The exit code of a command and what it printed; 124 where it does not end in time."""
        name = f"chamber-{os.getpid()}"
        settings = (self.root / "etc" / "nats" / "settings.env").read_text().splitlines()
        done = subprocess.run(
            [
                *in_group(name),
                *(tool("timeout"), "--signal=TERM", f"{seconds}"),
                *(tool("systemd-nspawn"), "--quiet", "--register=no", "--keep-unit", "--pipe"),
                *("-D", str(self.root), f"--machine={name}", "--resolv-conf=off"),
                *options,
                *(f"--setenv={line}" for line in settings),
                *command,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        drop_group(name)
        # nspawn does not clear its own folder where /run is no file system of its own.
        shutil.rmtree(_PROPAGATED / name, ignore_errors=True)
        lines = [line for line in done.stdout.splitlines(True) if str(_PROPAGATED) not in line]
        return done.returncode, "".join(lines)
