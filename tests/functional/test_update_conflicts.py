"""`protonats update` where it cannot merge, or does not know how a service was begun."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.functional.test_update import (
    FILLED_IN,
    POKE,
    RECORD,
    SCHEMA,
    SERVICE,
    STUB,
    add,
    methods,
)
from tests.projects import TestProject

NEW = "rpc Poke(PingRequest) returns (PingResponse);"


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    """A project whose ping service is filled in."""
    project = TestProject(tmp_path / "project")
    project.generate()
    project.replace(SERVICE, STUB, FILLED_IN)
    return project


def conflict(project: TestProject) -> None:
    """Lets the user and the schema change the same line."""
    project.replace(SERVICE, ") -> ping_pb2.PingResponse:\n        # Café.", ") -> Any:\n")
    project.replace(SCHEMA, "returns (PingResponse);", "returns (Pinged);")


def test_both_stand_in_the_file_between_gits_markers(project: TestProject) -> None:
    conflict(project)

    result = project.command("update")

    assert result.exit_code == 1
    assert result.stdout == (
        f" conflict  {SERVICE}\n"
        "           you changed the same lines: resolve 1 place marked <<<<<<<\n"
        "3 generated files changed. Of your files: 1 with conflicts.\n"
    )
    assert (
        "<<<<<<< yours\n"
        "    ) -> Any:\n"
        "||||||| as it was begun\n"
        "    ) -> ping_pb2.PingResponse:\n"
        "=======\n"
        "    ) -> ping_pb2.Pinged:\n"
        ">>>>>>> from the schemas now\n"
    ) in project.read(SERVICE)
    assert project.drift() == []


def test_a_file_with_markers_is_not_merged_again(project: TestProject) -> None:
    conflict(project)
    project.command("update")
    add_to_changed(project)
    before = project.read(SERVICE)

    result = project.command("update")

    assert (result.exit_code, project.read(SERVICE)) == (1, before)
    assert (
        f"  skipped  {SERVICE}\n"
        "           has conflicts of an earlier merge: resolve them, and update again\n"
    ) in result.stdout

    head, _, rest = before.partition("<<<<<<< yours\n")
    ours, _, rest = rest.partition("||||||| as it was begun\n")
    project.write(SERVICE, head + ours + rest.partition(">>>>>>> from the schemas now\n")[2])
    result = project.command("update")

    assert (result.exit_code, result.stdout) == (
        0,
        f"   merged  {SERVICE}\n0 generated files changed. Of your files: 1 merged.\n",
    )
    assert ") -> Any:" in project.read(SERVICE)
    assert POKE in project.read(SERVICE)


def add_to_changed(project: TestProject) -> None:
    project.replace(SCHEMA, "returns (Pinged);", f"returns (Pinged);\n  {NEW}")


def test_conflicts_can_be_seen_before(project: TestProject) -> None:
    conflict(project)
    before = project.files()

    result = project.command("update", "--dry-run")

    assert (result.exit_code, project.files()) == (1, before)
    assert "3 generated files would change. Of your files: 1 with conflicts.\n" in result.stdout


def test_what_is_no_python_any_more_is_merged_by_lines(project: TestProject) -> None:
    project.write(SERVICE, project.read(SERVICE) + "\n    def half(\n")
    before = project.read(SERVICE).splitlines()
    add(project, NEW)

    project.command("update")

    after = project.read(SERVICE).splitlines()
    assert all(line in after for line in [*before, *POKE.splitlines()])


def unknown(project: TestProject) -> None:
    """Nobody knows how the services were begun, as after an upgrade of protonats."""
    shutil.rmtree(project.root / ".protonats")


def conflicting_record(project: TestProject) -> None:
    """Version control could not merge the record."""
    text = project.read(RECORD)
    project.write(RECORD, f"<<<<<<< ours\n{text}=======\nother\n>>>>>>> theirs\n")


def broken_record(project: TestProject) -> None:
    """Something else wrote there."""
    (project.root / RECORD).write_bytes(b"\xff")


@pytest.mark.parametrize("forget", [unknown, conflicting_record, broken_record])
def test_without_a_record_missing_methods_are_added_and_nothing_else_changes(
    project: TestProject, forget: Callable[[TestProject], None]
) -> None:
    forget(project)
    project.replace(SERVICE, '    """Answers."""\n', '    """Answers at once."""\n')
    project.replace(SCHEMA, "// Answers.", "// Answers, if somebody asks.")
    before = project.read(SERVICE)
    add(project, "rpc Poke(PingRequest) returns (stream PingResponse);")

    result = project.command("update")

    assert result.exit_code == 0
    assert f"   merged  {SERVICE}\n" in result.stdout
    after = project.read(SERVICE)
    assert methods(after) == ["__init__", "ping", "poke", "_answer"]
    assert "from collections.abc import AsyncIterator\n" in after
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []

    record = project.read(RECORD)
    assert "def poke(" in record
    assert "_answer" not in record
    assert project.command("update").stdout.endswith("Nothing to merge into your files.\n")


def test_without_a_record_a_file_that_lacks_nothing_stays(project: TestProject) -> None:
    unknown(project)
    before = project.read(SERVICE)

    result = project.command("update")

    assert (result.exit_code, project.read(SERVICE)) == (0, before)
    assert result.stdout == "0 generated files changed. Nothing to merge into your files.\n"
    assert (project.root / RECORD).is_file()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("from .other import PingService\n", "has no class PingService"),
        ("x = (\n", "is no Python at line 1"),
    ],
)
def test_without_a_record_a_file_without_the_class_is_left_to_the_user(
    project: TestProject, text: str, problem: str
) -> None:
    unknown(project)
    project.write(SERVICE, text)
    add(project, NEW)

    result = project.command("update")

    assert (result.exit_code, project.read(SERVICE)) == (0, text)
    assert (
        f"as it was  {SERVICE}\n"
        f"           {problem}, so that nothing is merged: compare it with its schema by hand\n"
    ) in result.stdout


def test_a_file_in_another_encoding_is_skipped(project: TestProject) -> None:
    content = project.read(SERVICE).encode("latin-1")
    (project.root / SERVICE).write_bytes(content)
    add(project, NEW)

    result = project.command("update")

    assert result.exit_code == 1
    assert "not UTF-8 at byte 484, so that nothing is merged: save it as UTF-8\n" in result.stdout
    assert (project.root / SERVICE).read_bytes() == content


def test_a_link_is_skipped(project: TestProject) -> None:
    (project.root / SERVICE).rename(project.root / "services/elsewhere.py")
    (project.root / SERVICE).symlink_to("../elsewhere.py")
    before = project.read(SERVICE)
    add(project, NEW)

    result = project.command("update")

    assert (result.exit_code, project.read(SERVICE)) == (1, before)
    assert "a symbolic link, into which nothing is merged: put a file in" in result.stdout
    assert (project.root / SERVICE).is_symlink()


def test_git_is_needed_and_nothing_is_written_without_it(project: TestProject) -> None:
    add(project, NEW)
    before = project.files()

    result = project.program("update", PATH="/nonexistent")

    assert (result.returncode, result.stderr) == (
        1,
        "error: git is not installed, and merges what the schemas add: install it\n",
    )
    assert project.files() == before


def test_an_edited_generated_file_stops_everything(project: TestProject) -> None:
    add(project, NEW)
    stub = "generated/python/acme/pong/v1/pong_nats.py"
    project.write(stub, project.read(stub) + "\nEDITED = True\n")
    before = project.files()

    result = project.command("update")

    assert (result.exit_code, project.files()) == (1, before)
    assert "edited by hand, and generating would lose that" in result.stderr

    assert project.command("update", "--force").exit_code == 0
    assert POKE in project.read(SERVICE)


def test_a_run_killed_between_a_file_and_its_record_is_mended_by_the_next(
    project: TestProject,
) -> None:
    add(project, NEW)
    record = project.read(RECORD)
    project.command("update")
    merged = project.files()
    project.write(RECORD, record)

    result = project.command("update", "--json")

    (scaffold,) = json.loads(result.stdout)["scaffolds"]
    assert (result.exit_code, scaffold["state"]) == (0, "recorded")
    assert project.files() == merged


def test_the_program_merges_in_any_folder(project: TestProject) -> None:
    """Whatever git would read of the repository or the user has no say."""
    add(project, NEW)
    home = project.root / "home"
    project.write(
        "home/.gitconfig", "[merge]\n\tconflictStyle = merge\n[core]\n\tautocrlf = true\n"
    )

    result = project.program("update", HOME=str(home), GIT_DIR=os.devnull)

    assert (result.returncode, result.stderr) == (0, "")
    assert POKE in project.read(SERVICE)


def test_updates_at_the_same_time_merge_once(project: TestProject) -> None:
    add(project, NEW)

    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(project.program, "update") for _ in range(3)]

    assert [(run.result().returncode, run.result().stderr) for run in done] == [(0, "")] * 3
    assert sum(f"   merged  {SERVICE}\n" in run.result().stdout for run in done) == 1
    assert project.read(SERVICE).count("async def poke(") == 1


def test_conflicts_are_named_until_they_are_resolved(project: TestProject) -> None:
    conflict(project)
    project.command("update")

    again = project.command("update")

    assert again.exit_code == 1
    assert again.stdout == (
        f"  skipped  {SERVICE}\n"
        "           has conflicts of an earlier merge: resolve them, and update again\n"
        "0 generated files changed. Of your files: 1 skipped.\n"
    )
