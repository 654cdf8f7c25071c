"""The Makefile, as someone meets it who has just cloned the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_make_alone_lists_every_target_with_what_it_does() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony

    listed = re.findall(r"^make ([\w-]+) +\S", make().stdout, re.MULTILINE)

    assert sorted(listed) == sorted(phony[1].split())


@pytest.mark.parametrize("interpreter", ["", "no-such-python", "false"])
def test_without_a_usable_python_it_says_what_to_install(tmp_path: Path, interpreter: str) -> None:
    environment = tmp_path / "venv"

    done = make(f"VENV={environment}", f"{environment}/.ready", f"PYTHON={interpreter}")

    assert done.returncode == 2
    assert "Python 3.11 or newer with its venv module was not found" in done.stderr
    assert "make PYTHON=/path/to/python3.12" in done.stderr
    assert not environment.exists()
