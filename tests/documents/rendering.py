"""The documents of a small project, and the programs that judge them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from protoc_gen_nats.project.project import Project
from tests.node_packages import NODE
from tests.projects import ROOT

__all__ = ["CASE", "chromium", "documents_of", "node"]

CASE: Final = ROOT / "tests" / "golden" / "cases" / "documents"
"""A project that has everything documents speak of."""

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def documents_of(root: Path) -> dict[str, str]:
    """The documents of a project, by path below `generated/docs/`."""
    folder = "generated/docs/"
    return {
        path.removeprefix(folder): content.decode()
        for path, content in Project(root).render().owned.items()
        if path.startswith(folder)
    }


def node(program: Path, *arguments: str | Path) -> Any:
    """What a program for Node prints, as JSON."""
    result = subprocess.run(
        [NODE, program, *arguments],
        cwd=program.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(program.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def chromium() -> str:
    """A Chromium. Without one the test is skipped, but fails in CI."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("no Chromium: install it with `apt-get install chromium`")
    if found is None:
        pytest.skip("no Chromium on the PATH")
    return found
