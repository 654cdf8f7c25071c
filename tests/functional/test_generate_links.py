"""`protonats generate` and what a disk may hold: links, permissions, names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.projects import TestProject

PYTHON = "generated/python/acme"
STUB = f"{PYTHON}/ping/v1/ping_nats.py"


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    return TestProject(tmp_path / "project")


def test_permissions_of_a_file_stay(project: TestProject) -> None:
    project.generate()
    (project.root / STUB).chmod(0o440)
    project.replace("proto/acme/ping/v1/ping.proto", "rpc Ping(", "rpc Poke(")

    project.generate()

    assert "def poke(" in project.read(STUB)
    assert (project.root / STUB).stat().st_mode & 0o777 == 0o440


@pytest.mark.parametrize("folder", ["generated", f"{PYTHON}/pong/v1"])
def test_a_folder_that_leads_out_of_the_project_is_not_followed(
    project: TestProject, folder: str, tmp_path: Path
) -> None:
    project.generate()
    outside = tmp_path / "outside"
    (project.root / folder).rename(outside)
    (project.root / folder).symlink_to(outside)
    (project.root / "proto/acme/pong/v1/pong.proto").unlink()
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}

    for command in ("generate", "check", "diff"):
        result = project.command(command)
        assert result.exit_code == 1
        assert result.stderr == (
            f"error: {folder}: a symbolic link to {outside}, outside the project, where nothing is"
            " written: delete the link\n"
        )
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


def test_a_file_that_is_a_link_is_replaced_and_not_followed(
    project: TestProject, tmp_path: Path
) -> None:
    project.generate()
    outside = tmp_path / "outside.py"
    (project.root / STUB).rename(outside)
    (project.root / STUB).symlink_to(outside)
    before = outside.read_text()

    assert project.drift() == [("hand-edited", STUB)]
    assert f"-(a symbolic link to {outside})\n" in project.command("check").stdout
    assert project.command("generate").exit_code == 1
    project.generate("--force")

    assert not (project.root / STUB).is_symlink()
    assert (project.read(STUB), outside.read_text()) == (before, before)


def test_a_name_that_is_not_utf8_is_printed_and_kept(project: TestProject) -> None:
    project.generate()
    path = os.fsencode(project.root / "generated") + b"/caf\xe9.txt"
    with open(path, "wb") as file:
        file.write(b"Mine.\n")

    result = project.program("generate", PYTHONIOENCODING="utf-8")

    assert (result.returncode, result.stderr) == (0, "")
    assert "    kept  generated/caf\\xe9.txt\n" in result.stdout
    assert project.drift() == [("orphaned", "generated/caf\\xe9.txt")]
    assert os.path.exists(path)
