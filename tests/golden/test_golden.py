"""What the generator makes of a schema, or says about it, case by case.

A case is a folder in `cases/` with `proto/`, and with

- `protonats.yaml`, if the whole project is rendered; else the plugin is called alone,
- `parameter.txt`, the plugin's parameter, if it has one,
- `expected/`, every generated file but protoc's own, or `error.txt`, what standard error gets.

`pytest tests/golden --update-golden` rewrites `expected/` and `error.txt`: read the difference.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.golden.generating import CASES, generate


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, update_golden: bool) -> None:
    files, error = generate(case)
    # What follows from the installed protovalidate changes with its version.
    files = {path: text for path, text in files.items() if "/buf/validate/" not in path}

    if update_golden:
        write(case, files, error)
    assert case.name.startswith("error_") == bool(error)
    if error:
        assert not files
        assert error == (case / "error.txt").read_text(encoding="utf-8")
    else:
        assert files == read(case / "expected")


def read(folder: Path) -> dict[str, str]:
    """The files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def write(case: Path, files: dict[str, str], error: str) -> None:
    """Makes the expectations of a case what the generator does."""
    shutil.rmtree(case / "expected", ignore_errors=True)
    (case / "error.txt").unlink(missing_ok=True)
    if error:
        (case / "error.txt").write_text(error, encoding="utf-8")
    for path, text in files.items():
        target = case / "expected" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
