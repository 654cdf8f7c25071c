"""What `protonats breaking` says about a change, case by case.

A case is a folder in `breaking/` with the projects `before/` and `after/`, and with `expected.txt`,
what standard output gets. `pytest tests/golden --update-golden` rewrites that: read the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from protoc_gen_nats.cli import main
from protoc_gen_nats.comparing.table import RULES

CASES = sorted(path for path in Path(__file__).with_name("breaking").iterdir() if path.is_dir())
HARMLESS = ("new_version", "safe")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case / "after")
    expected = case / "expected.txt"

    result = CliRunner().invoke(main, ["breaking", "--against", "../before"])

    assert result.stderr == ""
    if update_golden:
        expected.write_text(result.stdout, encoding="utf-8")
    assert result.stdout == expected.read_text(encoding="utf-8")
    assert result.exit_code == (0 if case.name in HARMLESS else 1)


def test_every_rule_is_broken_in_some_case() -> None:
    texts = "".join((case / "expected.txt").read_text(encoding="utf-8") for case in CASES)

    assert set(re.findall(r"^  ([A-Z_]+)  ", texts, re.M)) == RULES.keys()
