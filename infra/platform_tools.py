"""Sees that a machine has what `make test-platform` runs, and installs what Debian has of it.

Daemons that come with packages are not started: the checks start their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["listed", "main", "missing", "problems"]

PACKAGES = Path(__file__).with_name("debian-packages.txt")
"""One package of Debian a line."""

TERRAFORM = (1, 11)
"""The oldest Terraform that the modules are for."""

HOW_TO_GET_TERRAFORM = (
    "Terraform {version} or newer was not found, and Debian has none: its maker offers it as a zip"
    " file with one program, which belongs into a folder of the PATH, as /usr/local/bin"
)
_NO_DAEMONS = Path("/usr/sbin/policy-rc.d")
"""What Debian asks before it starts a daemon: exit code 101 is a no."""


def listed(text: str) -> list[str]:
    """The packages of a list, in which lines that begin with # are comments."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def missing(packages: Sequence[str], status: str) -> list[str]:
    """Those that are not installed, by lines of `name status`."""
    installed = {line.split()[0] for line in status.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def problems(version: str | None, *, packages: Sequence[str], root: bool) -> Iterator[str]:
    """What only people can do about it.

    Args:
        version: That of Terraform, or None where it is not there.
        packages: The packages that are missing.
        root: Whether the tests run as root.
    """
    if not root:
        yield "make test-platform mounts, boots and starts containers: run it as root"
        if packages:
            yield f"it also needs: apt-get install --no-install-recommends {' '.join(packages)}"
    if version is None or tuple(map(int, version.split(".")[:2])) < TERRAFORM:
        yield HOW_TO_GET_TERRAFORM.format(version=".".join(map(str, TERRAFORM)))


def _status() -> str:
    if not shutil.which("dpkg-query"):
        raise SystemExit("make test-platform: Debian 12 is needed, as the nodes of NATS are")
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _terraform() -> str | None:
    program = shutil.which("terraform")
    if program is None:
        return None
    command = [program, "version", "-json"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    version: str = json.loads(told)["terraform_version"]
    return version


def _install(packages: Sequence[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages]
    with _without_daemons():
        for command in (["apt-get", "update", "-qq"], install):
            subprocess.run(command, env=environment, check=True, stdout=sys.stderr)


@contextmanager
def _without_daemons() -> Iterator[None]:
    if _NO_DAEMONS.exists():
        yield
        return
    _NO_DAEMONS.write_text("#!/bin/sh\nexit 101\n")
    _NO_DAEMONS.chmod(0o755)
    try:
        yield
    finally:
        _NO_DAEMONS.unlink()


def main() -> int:
    """Installs the packages that are missing; says what else is."""
    lacking = missing(listed(PACKAGES.read_text(encoding="utf-8")), _status())
    if found := list(problems(_terraform(), packages=lacking, root=os.geteuid() == 0)):
        print(*(f"make test-platform: {problem}" for problem in found), sep="\n", file=sys.stderr)
        return 1
    if lacking:
        print(f"installing packages of Debian: {' '.join(lacking)}", file=sys.stderr)
        _install(lacking)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
