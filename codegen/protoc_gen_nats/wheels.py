"""The wheels that images install: collected before a build, so that none needs an index."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from protoc_gen_nats.errors import UserError

__all__ = ["Wheelhouse", "collect"]

RUNTIME = "protonats"
_LIST = "requirements.txt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheelhouse:
    """A folder with wheels, and with a list of them that pip installs by their hashes."""

    requirements: str
    """The file that they follow from, relative to the project."""

    folder: str
    """Relative to the project."""

    wheels: tuple[str, ...]
    """The names of their files, sorted."""

    size: int
    """Bytes."""


def collect(
    root: Path,
    wanted: Mapping[str, str],
    *,
    runtimes: Iterable[str],
    added: Sequence[Path],
    python: Path | None = None,
) -> Iterator[Wheelhouse]:
    """Collects the wheels of files with requirements, each in a folder of its own, which is
    replaced as a whole.

    Args:
        root: The project.
        wanted: The folders of the wheels by the files with their requirements.
        runtimes: Those of the files that have to bring the runtime along.
        added: Wheels, or folders of Python projects, that join those of `runtimes`: what is on no
            index, so that no lock file can name it.
        python: The interpreter that the wheels are for; None: this one.

    Raises:
        UserError: A file is missing, pip refuses it, or the runtime is missing.
    """
    with tempfile.TemporaryDirectory(prefix="protonats-wheels-") as temporary:
        scratch = Path(temporary)
        own = scratch / "added"
        own.mkdir()
        for one in added:
            _pip(root, python, "--no-deps", f"--wheel-dir={own}", str(one.resolve()))
        for number, (requirements, folder) in enumerate(wanted.items()):
            made = scratch / str(number)
            made.mkdir()
            _check_file(root, requirements)
            _pip(
                root,
                python,
                "--require-hashes",
                f"--wheel-dir={made}",
                f"--requirement={requirements}",
            )
            if requirements in runtimes:
                _join(made, own, requirements)
            yield _put(made, root, folder, requirements)


def _check_file(root: Path, requirements: str) -> None:
    if (root / requirements).is_file():
        return
    source = f"{requirements.removesuffix('.txt')}.in"
    raise UserError.of(
        f"{requirements} is missing: write what the image needs, for example"
        f" `protonats[validate,uvloop]`, to {source}, and lock it with"
        f" `uv pip compile --universal --generate-hashes -o {requirements} {source}`"
    )


def _pip(root: Path, python: Path | None, *arguments: str) -> None:
    interpreter = [] if python is None else [f"--python={python}"]
    command = [sys.executable, "-m", "pip", *interpreter, "wheel", "--quiet", *arguments]
    command.append("--disable-pip-version-check")
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if not line.startswith("WARNING")]
        raise UserError.of("pip says: " + ("\n".join(lines) or f"exit code {result.returncode}"))


def _join(made: Path, own: Path, requirements: str) -> None:
    names = {_name(wheel) for wheel in made.glob("*.whl")}
    for wheel in sorted(own.glob("*.whl")):
        if _name(wheel) in names:
            text = f"{requirements} has {_name(wheel)} already: leave it out of --add, or there"
            raise UserError.of(text)
        shutil.copy(wheel, made)
        names.add(_name(wheel))
    if RUNTIME not in names:
        raise UserError.of(
            f"{requirements} has no {RUNTIME}: lock it with the rest, or name its wheel or its"
            " source with --add"
        )


def _put(made: Path, root: Path, folder: str, requirements: str) -> Wheelhouse:
    wheels = sorted(made.glob("*.whl"))
    lines = (f"{_name(one)}=={_version(one)} --hash=sha256:{_digest(one)}\n" for one in wheels)
    (made / _LIST).write_text("".join(lines), encoding="utf-8")
    target = root / folder
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made, target)
    return Wheelhouse(
        requirements=requirements,
        folder=folder,
        wheels=tuple(one.name for one in wheels),
        size=sum(one.stat().st_size for one in wheels),
    )


def _name(wheel: Path) -> str:
    return re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()


def _version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


def _digest(wheel: Path) -> str:
    return sha256(wheel.read_bytes()).hexdigest()
