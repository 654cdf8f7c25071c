"""Pins requirements with the hashes of their files: `make lock`.

The results install on every platform and every supported Python, and name no package index: an
installer uses the one it is set up with, and the hashes say whether it gave the right files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["main"]

RESOLVER = "uv==0.13.9"

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """One file under `requirements/`."""

    file: str
    """Its name."""

    holds: str
    """What it pins, for its first line."""

    options: tuple[str, ...]
    """What the resolver is told beside the rest."""

    source: str = "pyproject.toml"
    """What it follows from."""


LOCKS = (
    Lock(file="dev.txt", holds="The requirements of `.[dev]`", options=("--extra=dev",)),
    Lock(
        file="base.txt",
        holds="The base requirements, which a service runs with",
        options=("--constraint=requirements/dev.txt",),
    ),
    Lock(
        file="validate.txt",
        holds="The requirements of a service whose schema has validation rules",
        options=("--extra=validate", "--constraint=requirements/dev.txt"),
    ),
    Lock(
        file="services.txt",
        holds="What the images of services hold beside protonats itself",
        options=("--extra=validate", "--extra=uvloop", "--constraint=requirements/dev.txt"),
    ),
    Lock(
        file="tools.txt",
        holds="What the image of the command line holds beside protonats itself",
        options=("--extra=codegen", "--extra=aws", "--constraint=requirements/dev.txt"),
    ),
    Lock(
        file="exporter.txt",
        holds="What the image of the exporter holds beside protonats itself",
        options=("--extra=aws", "--constraint=requirements/dev.txt"),
    ),
    Lock(
        file="build.txt",
        holds="What lists the packages of an image, and is in none",
        options=(),
        source="requirements/build.in",
    ),
    Lock(
        file="bench.txt",
        holds="The requirements of `.[bench]`",
        options=("--extra=bench", "--constraint=requirements/dev.txt"),
    ),
    Lock(
        file="platform.txt",
        holds="The requirements of `.[platform]`",
        options=("--extra=platform", "--constraint=requirements/dev.txt"),
    ),
    Lock(
        file="checkov.txt",
        holds="Checkov, in an environment of its own",
        options=(),
        source="requirements/checkov.in",
    ),
    Lock(
        file="terraform-provider.txt",
        holds="What the stand-in for the AWS provider runs with",
        options=(),
        source="requirements/terraform-provider.in",
    ),
    Lock(
        file="lowest.txt",
        holds="The oldest base requirements that are supported",
        options=("--resolution=lowest-direct",),
    ),
)


def places(lock: str) -> list[str]:
    """The lines of a lock file that would tie it to one machine or one package index."""
    lines = [line.strip() for line in lock.splitlines() if not line.startswith("#")]
    options = [line for line in lines if line.startswith("-") and not line.startswith("--hash=")]
    return options + [line for line in lines if "://" in line or "file:" in line or " @ " in line]


def resolve(uv: Path, lock: Lock, scratch: Path, upgrade: bool) -> str:
    """The text of a lock file; pins that still fit stay, unless `upgrade`."""
    output = scratch / lock.file
    present = ROOT / "requirements" / lock.file
    if present.exists() and not upgrade:
        output.write_bytes(present.read_bytes())
    command = [str(uv), "pip", "compile", lock.source, f"--output-file={output}"]
    command += lock.options
    command += ["--universal", "--python-version=3.11", "--generate-hashes", "--strip-extras"]
    command += ["--no-config", "--no-header", "--no-annotate", "--quiet"]
    subprocess.run(command, check=True, cwd=ROOT)
    header = f"# {lock.holds}, pinned and hashed. `make lock` writes this file.\n"
    return header + output.read_text(encoding="utf-8").removeprefix(header)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the lock files; with `--upgrade`, takes the newest releases that the ranges allow."""
    parser = argparse.ArgumentParser(prog="make lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest releases")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="protonats-lock-") as directory:
        scratch = Path(directory)
        venv.create(scratch / "venv", with_pip=True)
        binaries = scratch / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        subprocess.run([binaries / "python", "-m", "pip", "install", "-q", RESOLVER], check=True)
        for lock in LOCKS:
            text = resolve(binaries / "uv", lock, scratch, options.upgrade)
            if tied := places(text):
                print(f"{lock.file} would name a place:", *tied, sep="\n  ", file=sys.stderr)
                return 1
            (ROOT / "requirements" / lock.file).write_text(text, encoding="utf-8")
            packages = sum(line[:1].isalnum() for line in text.splitlines())
            print(f"wrote requirements/{lock.file}: {packages} packages")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
