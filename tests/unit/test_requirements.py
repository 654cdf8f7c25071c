"""The lock files under `requirements/`, which `make lock` writes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(lock: Path) -> dict[str, str]:
    """The version of each package."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def requirements_of(extra: str) -> Iterator[Requirement]:
    """The requirements of the project with an extra, and with the extras that this one includes."""
    texts = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            yield from (found for name in requirement.extras for found in requirements_of(name))
        else:
            yield requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_names_packages_and_hashes_and_no_places(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()[1:]

    assert lines
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line)


@pytest.mark.parametrize(
    ("lock", "extra"),
    [
        ("dev.txt", "dev"),
        ("dev.txt", ""),
        ("base.txt", ""),
        ("validate.txt", ""),
        ("validate.txt", "validate"),
        ("bench.txt", "bench"),
        ("bench.txt", ""),
        ("lowest.txt", ""),
    ],
)
def test_a_lock_file_has_what_the_project_asks_for(lock: str, extra: str) -> None:
    pinned = pins(ROOT / "requirements" / lock)

    for requirement in requirements_of(extra):
        version = pinned.get(canonicalize_name(requirement.name), "0")
        assert version in requirement.specifier, f"{requirement} is at {version}: run `make lock`"


@pytest.mark.parametrize("lock", ["base.txt", "validate.txt"])
def test_a_service_runs_with_the_pins_for_development(lock: str) -> None:
    service, dev = (pins(ROOT / "requirements" / name) for name in (lock, "dev.txt"))

    assert service.items() <= dev.items()
