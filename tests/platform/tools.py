"""The programs that the checks of the platform run. One that is missing is a failure."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

__all__ = ["ROOT", "environment", "tool"]

ROOT = Path(__file__).parents[2]
"""The repository."""

_NAME = Path(sys.prefix).name.removesuffix("-platform")


def environment(name: str) -> Path:
    """One of the environments that `make test-platform` makes, beside the main one."""
    return ROOT / f"{_NAME}-{name}"


def tool(name: str) -> str:
    """The path of a program: of the environments of the checks, else of the system."""
    for folder in (environment("platform"), environment("checkov"), ROOT / _NAME):
        path = folder / "bin" / name
        if path.exists():
            return str(path)
    if found := shutil.which(name):
        return found
    pytest.fail(
        f"{name} is missing: make test-platform installs it, or says how to get it", pytrace=False
    )
