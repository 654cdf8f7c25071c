"""Whatever protoc compiles becomes Python that is formatted, typed, importable, and runs.

Random sets of schemas are generated for and laid into one folder, which is then checked as a whole.
The examples are the same in each run of the same code; PROTONATS_FUZZ=1000 makes that many, others
each time.
"""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import black
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from tests.functional.test_generated_code import IMPORT, MYPY
from tests.fuzz.generated import generate
from tests.fuzz.schemas import SchemaDraft, schema_sets
from tests.projects import ROOT, run

EXAMPLES = int(os.environ.get("PROTONATS_FUZZ", "0"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with what is generated for all examples."""
    tree = tmp_path_factory.mktemp("fuzz")

    @settings(
        max_examples=EXAMPLES or 20,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
            HealthCheck.too_slow,
        ],
        print_blob=True,
    )
    @given(schema_sets())
    def fill(draft: SchemaDraft) -> None:
        files = generate(draft)
        assume(files)
        for path, content in files.items():
            check(path, content.decode())
        for path, content in files.items():
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    fill()
    return tree


def check(path: str, text: str) -> None:
    """Checks one file by itself."""
    compile(text, path, "exec", ast.PyCF_ONLY_AST)
    if not path.endswith("_pb2.py"):
        assert text.replace("\n", "").isprintable(), path
        mode = black.Mode(is_pyi=path.endswith(".pyi"))
        assert black.format_str(text, mode=mode) == text, path


def test_it_can_be_imported_and_stubs_are_true(tree: Path) -> None:
    done = run(sys.executable, "-c", IMPORT, str(tree), cwd=tree)

    assert not done.stderr, done.stderr[-2000:]
    assert int(done.stdout) > 30


def test_mypy_is_strict_and_content(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(MYPY)
    mypy = (sys.executable, "-m", "mypy", "--config-file", tmp_path / "mypy.ini")

    done = run(*mypy, "--cache-dir", tmp_path / "cache", ".", cwd=tree)

    assert done.stdout.splitlines()[-1].startswith("Success: no issues found in "), done.stdout


def test_calls_are_answered_and_events_are_published(tree: Path) -> None:
    done = run(sys.executable, ROOT / "tests/fuzz/calling.py", tree, cwd=tree)

    assert not done.stderr, done.stderr[-2000:]
    calls, events = map(int, done.stdout.split())
    # How many there are changes with the code: hypothesis takes constants from it.
    assert calls > 5
    assert events
