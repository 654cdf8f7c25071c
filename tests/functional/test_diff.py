"""`protonats diff`: what `protonats generate` would change."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.projects import TestProject

SCHEMA = "proto/acme/ping/v1/ping.proto"
STUB = "generated/python/acme/ping/v1/ping_nats.py"
PYTHON = "generated/python/acme"
PONG = [f"{PYTHON}/pong/v1/pong_{kind}" for kind in ("nats.py", "pb2.py", "pb2.pyi")]


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    project = TestProject(tmp_path / "project")
    project.generate()
    return project


def test_nothing_to_change_prints_nothing(project: TestProject) -> None:
    result = project.command("diff")

    assert (result.exit_code, result.output) == (0, "")
    assert project.command("diff", "--stat").stdout == "0 files would change.\n"
    assert project.command("diff", "--exit-code").exit_code == 0


def test_patch_does_what_generate_would_do(project: TestProject) -> None:
    """But for message modules, whose difference nobody could read."""
    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")
    (project.root / "proto/acme/pong/v1/pong.proto").rename(project.root / "proto/pong.proto")
    project.replace("proto/pong.proto", "PongService", "BingService")
    before = project.files()

    result = project.command("diff")

    assert (result.exit_code, result.stderr, project.files()) == (0, "", before)
    assert f"--- {STUB}\n+++ {STUB}\n@@ " in result.stdout
    assert "--- /dev/null\n+++ services/bing/service.py\n" in result.stdout
    assert f"--- {PONG[0]}\n+++ /dev/null\n" in result.stdout

    subprocess.run(
        ["git", "apply", "-p0", "-"],
        input=result.stdout,
        cwd=project.root,
        env={"GIT_DIR": "/nonexistent", "PATH": "/usr/bin:/bin"},
        text=True,
        check=True,
    )
    patched = project.files()
    project.generate()
    expected = project.files()
    for path in (STUB, "services/bing/service.py"):
        assert patched[path] == expected[path]
    assert PONG[0] not in patched
    assert f"# {PONG[1]} (compiled)\n" in result.stdout


def test_it_says_what_becomes_of_each_file(project: TestProject) -> None:
    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")
    project.write(PONG[0], "mine = True\n")
    project.write("generated/notes.txt", "Mine.\n")
    (project.root / "proto/acme/pong/v1/pong.proto").unlink()
    (project.root / "services/ping/service.py").unlink()

    stat = project.command("diff", "--stat").stdout
    found = json.loads(project.command("diff", "--json").stdout)

    lines = [" ".join(line.split()) for line in stat.splitlines()]
    assert lines[-1] == "6 files would change."
    assert f"write {STUB} +2 -2" in lines
    assert f"keep {PONG[0]}" in lines
    assert "begin services/ping/service.py +24 -0" in lines
    assert all(line == line.rstrip() for line in stat.splitlines())
    assert {one["path"]: one["action"] for one in found["changes"]} == {
        "generated/deploy/services.json": "write",
        "generated/manifest.schema.json": "write",
        STUB: "write",
        "generated/notes.txt": "keep",
        PONG[0]: "keep",
        PONG[1]: "remove",
        PONG[2]: "remove",
        "services/ping/service.py": "begin",
    }
    assert project.command("diff", "--exit-code").exit_code == 1

    done = json.loads(project.generate("--json").stdout)

    assert done["written"] == [
        "generated/deploy/services.json",
        "generated/manifest.schema.json",
        STUB,
    ]
    assert done["removed"] == PONG[1:]
    assert done["kept"] == ["generated/notes.txt", PONG[0]]
    assert done["scaffolded"] == ["services/ping/service.py"]


def test_an_edit_by_hand_that_would_be_lost_is_said(project: TestProject) -> None:
    project.write(STUB, project.read(STUB) + "\nEDITED = True\n")

    result = project.command("diff")

    assert result.exit_code == 0
    assert "-EDITED = True\n" in result.stdout
    assert result.stderr == (
        f"note: {STUB}: edited by hand: `protonats generate` overwrites that only with --force\n"
    )


def test_a_wrong_schema_is_an_error(project: TestProject) -> None:
    project.replace(SCHEMA, "evt.ping.pinged.v1", "")

    result = project.command("diff")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {SCHEMA}:20:3: ")
