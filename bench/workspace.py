"""Where figures are measured: in copies of the repository, and on the base install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "copy_of_repository", "python_of", "seconds_of", "source_roots"]

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""

_SOURCE_ROOTS = ("runtime", "generated/python", ".")


def seconds_of(
    command: Sequence[str | Path], *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> float:
    """Seconds from the start of a command to its end, which has to be a success."""
    variables = dict(os.environ if environment is None else environment)
    # A make that is started by `make bench ARGS=…` would take these ARGS for its own.
    for name in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"):
        variables.pop(name, None)
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=cwd, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    taken = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return taken


@contextmanager
def copy_of_repository() -> Iterator[Path]:
    """The files that git knows or would add, in a folder of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with tempfile.TemporaryDirectory(prefix="protonats-bench-") as directory:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                target = Path(directory, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        yield Path(directory)


@cache
def python_of(lock: str) -> Path:
    """The interpreter of an environment that holds one lock file of `requirements/` and no more.

    It is made once and kept in `.cache/`. The figures of a service are about what its image holds,
    and the environment that this runs in holds much more.
    """
    folder = ROOT / ".cache" / f"bench-{lock}"
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    source = ROOT / "requirements" / f"{lock}.txt"
    installed = folder / source.name
    if not installed.exists() or installed.read_bytes() != source.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*pip, "--require-hashes", "-r", str(source)], check=True)
        shutil.copy2(source, installed)
    return python


def source_roots() -> dict[str, str]:
    """The variables with which these interpreters find the runtime, schemas and services."""
    roots = os.pathsep.join(str(ROOT / root) for root in _SOURCE_ROOTS)
    return dict(os.environ) | {"PYTHONPATH": roots, "PYTHONSAFEPATH": "1"}
