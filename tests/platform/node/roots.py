"""The Debian that nodes boot in these tests: made once, and laid under each machine."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.platform.tools import ROOT, tool

__all__ = ["debian"]

PACKAGES = (
    # What Debian's image for EC2 has, as far as a node uses it; the AWS CLI is stood in for.
    "systemd",
    "systemd-sysv",
    "dbus",
    "cloud-init",
    "openssl",
    "e2fsprogs",
    "procps",
    "iproute2",
    "python3-jmespath",
)


def debian() -> Path:
    """The root of a Debian 12 with cloud-init, made by mmdebstrap where there is none."""
    digest = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    root = ROOT / ".cache" / "platform" / f"node-{digest}"
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / "node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return root
        half = root.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        subprocess.run(
            [
                *(tool("mmdebstrap"), "--quiet", "--variant=minbase"),
                *(f"--include={','.join(PACKAGES)}", "bookworm", str(half)),
            ],
            check=True,
        )
        half.rename(root)
    return root
