"""`protonats check`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from protoc_gen_nats.contents import digest
from tests.projects import TestProject, environment

SCHEMA = "proto/acme/ping/v1/ping.proto"
STUB = "generated/python/acme/ping/v1/ping_pb2.pyi"
MODULE = "generated/python/acme/ping/v1/ping_pb2.py"
SERVICE = "generated/python/acme/ping/v1/ping_nats.py"

GATEWAY = """\
deployment:
  name: acme
  base_image: docker.io/library/python:3.12-slim
environments:
  dev:
    region: eu-central-1
    network: 10.10.0.0/16
    registry: ecr
    gateway: {host: api.acme.example}
    nats: {instance_type: m6i.large, disk: 10 GiB, file_store: 8 GiB}
"""


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    project = TestProject(tmp_path / "project")
    project.generate()
    return project


def test_a_project_just_generated_is_clean(project: TestProject) -> None:
    result = project.command("check")

    assert result.exit_code == 0
    assert result.stdout == "9 generated files are what the schemas say.\n"


def test_a_gateway_that_leads_nowhere_is_warned_of(project: TestProject) -> None:
    manifest = project.read("protonats.yaml")
    project.write("protonats.yaml", f"{manifest}{GATEWAY}")

    result = project.command("check")

    assert result.stderr == (
        "warning: protonats.yaml:10:3: environment dev has a gateway, and no method has an HTTP"
        " route: write google.api.http in a schema, or leave gateway out\n"
    )


def test_a_changed_schema_is_shown_as_a_diff_and_mended_by_generating(project: TestProject) -> None:
    project.replace(
        SCHEMA, "string text = 1;", "string text = 1;\n  // How often.\n  int32 times = 2;"
    )
    before = project.files()

    result = project.command("check")

    assert result.exit_code == 1
    assert project.files() == before
    assert f"changed: {STUB}\n--- {STUB}\n+++ {STUB}\n@@ " in result.stdout
    assert '+    times: int\n+    """How often."""\n' in result.stdout
    assert f"changed: {MODULE}\n" in result.stdout
    assert "(the compiled descriptor differs: see its .pyi)" in result.stdout
    assert result.stdout.endswith(
        "Drift in 2 files: 2 changed. Mend it with `protonats generate`.\n"
    )

    project.generate()

    assert project.drift() == []


def test_a_comment_in_a_schema_is_no_change_of_the_message_module(project: TestProject) -> None:
    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")

    assert project.drift() == [("changed", SERVICE)]


def test_a_changed_manifest_is_drift(project: TestProject) -> None:
    project.replace("protonats.yaml", "evt.ping.>", "evt.>")

    assert project.drift() == [("changed", "generated/deploy/nats/jetstream.json")]


def test_every_kind_of_drift_is_told_apart(project: TestProject) -> None:
    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")
    (project.root / MODULE).unlink()
    project.write(STUB, project.read(STUB) + "\nEDITED: int\n")
    project.write("generated/python/acme/old.py", "OLD = True\n")

    result = project.command("check")

    assert project.drift() == [
        ("changed", SERVICE),
        ("missing", MODULE),
        ("hand-edited", STUB),
        ("orphaned", "generated/python/acme/old.py"),
    ]
    assert f"missing: {MODULE}\n" in result.stdout
    assert f"hand-edited: {STUB}\n--- {STUB}\n" in result.stdout
    assert "-EDITED: int\n" in result.stdout
    assert "--- generated/python/acme/old.py\n+++ /dev/null\n" in result.stdout
    assert "Drift in 4 files: 1 changed, 1 missing, 1 hand-edited, 1 orphaned." in result.stdout
    assert result.stdout.endswith(" Never generated was generated/python/acme/old.py: delete it.\n")


def test_a_file_that_was_never_generated_is_to_be_deleted(project: TestProject) -> None:
    """`protonats generate` keeps it: it may be somebody's work."""
    project.write("generated/notes.txt", "Mine.\n")

    result = project.command("check")

    assert result.stdout.endswith(
        "Drift in 1 file: 1 orphaned. Never generated was generated/notes.txt: delete it.\n"
    )


def test_json_is_for_scripts(project: TestProject) -> None:
    assert project.check() == {
        "clean": True,
        "drift": [],
        "outdated": [],
        "warnings": [],
        "toolchain": {
            "changed": False,
            "recorded": project_toolchain(project),
            "running": project_toolchain(project),
            "files": [],
        },
    }

    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")

    (drift,) = project.check()["drift"]
    assert (drift["path"], drift["state"]) == (SERVICE, "changed")
    assert '-        """Pings."""\n+        """Pings, and more."""\n' in drift["diff"]


def project_toolchain(project: TestProject) -> dict[str, str]:
    toolchain: dict[str, str] = json.loads(project.read("protonats.lock"))["toolchain"]
    assert toolchain.keys() == {"protobuf", "protonats"}
    return toolchain


def test_a_changed_toolchain_alone_is_no_drift(project: TestProject) -> None:
    lock = json.loads(project.read("protonats.lock"))
    lock["toolchain"] = {"protobuf": "5.29.0", "protonats": "0.0.1"}
    old = project.read(MODULE).replace(
        "# Protobuf Python Version: ", "# Protobuf Python Version: 1"
    )
    lock["files"][MODULE] = digest(old.encode())
    project.write("protonats.lock", json.dumps(lock))
    project.write(MODULE, old)

    result = project.command("check")
    found = project.check()

    assert result.exit_code == 0
    assert "9 generated files are what the schemas say." in result.stdout
    assert "Note: generated with protonats 0.0.1, checked with " in result.stdout
    assert "Note: generated with protobuf 5.29.0, checked with " in result.stdout
    assert (found["clean"], found["drift"]) == (True, [])
    assert found["toolchain"]["changed"]
    assert found["toolchain"]["files"] == [MODULE]

    project.generate()

    assert not project.check()["toolchain"]["changed"]
    assert project.check()["toolchain"]["files"] == []


def test_without_a_lock_generated_files_are_compared_all_the_same(project: TestProject) -> None:
    (project.root / "protonats.lock").unlink()
    assert project.drift() == [("missing", "protonats.lock")]

    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")
    assert project.drift() == [("changed", SERVICE), ("missing", "protonats.lock")]


def test_a_lock_that_was_not_committed_with_its_files_is_drift(project: TestProject) -> None:
    old = project.read("protonats.lock")
    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")
    project.generate()
    project.write("protonats.lock", old)

    (drift,) = project.check()["drift"]

    assert (drift["path"], drift["state"]) == ("protonats.lock", "changed")
    assert f'-    "{SERVICE}": ' in drift["diff"]
    assert drift["diff"].count("\n+ ") == 1

    project.generate()

    assert project.drift() == []


def test_other_line_ends_are_no_drift(project: TestProject) -> None:
    """Version control may write them, and a schema's comments may hold them."""
    for path, content in project.files().items():
        (project.root / path).write_bytes(content.replace(b"\n", b"\r\n"))
    times = project.times()

    assert project.drift() == []
    project.generate()

    assert project.times() == times


def test_a_message_module_that_was_edited_is_shown(project: TestProject) -> None:
    project.write(MODULE, project.read(MODULE) + "\nEDITED = True\n")

    result = project.command("check")

    assert f"hand-edited: {MODULE}\n--- {MODULE}\n+++ {MODULE}\n@@ " in result.stdout
    assert "-EDITED = True\n" in result.stdout
    assert result.stdout.endswith(
        "Drift in 1 file: 1 hand-edited. Mend it with `protonats generate --force`, which"
        " overwrites what was edited by hand.\n"
    )


def test_a_reader_that_closes_the_pipe_is_no_error(project: TestProject) -> None:
    read, write = os.pipe()
    os.close(read)
    start = "from protoc_gen_nats.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, "check"],
        cwd=project.root,
        env=environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(write)

    assert done.stderr == ""


@pytest.mark.parametrize("path", ["../victim.txt", "/victim.txt", SCHEMA, "generated/../victim"])
def test_a_lock_that_names_what_was_never_generated_is_an_error(
    project: TestProject, path: str
) -> None:
    """Whatever stands there is not the generator's to show, and not to remove."""
    lock = json.loads(project.read("protonats.lock"))
    lock["files"][path] = digest((project.root / SCHEMA).read_bytes())
    project.write("protonats.lock", json.dumps(lock))
    before = project.files()

    for command in ("check", "generate"):
        result = project.command(command)
        assert result.exit_code == 1
        assert result.stderr.startswith("error: protonats.lock: not a lock file: ")
    assert project.files() == before


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"format": 1}',
        "\x00",
        "<<<<<<< ours",
        '{"format": 1, "toolchain": {}, "files": []}',
        '{"format": 1, "toolchain": [], "files": {}}',
        '{"format": 1, "toolchain": {}, "files": {"generated/a": 1}}',
    ],
)
def test_a_broken_lock_is_an_error(project: TestProject, content: str) -> None:
    project.write("protonats.lock", content)

    result = project.command("check")

    assert result.exit_code == 1
    assert result.stderr == (
        "error: protonats.lock: not a lock file: restore it from version control, or delete it and"
        " generate again\n"
    )


def test_a_lock_of_a_later_format_is_an_error(project: TestProject) -> None:
    project.replace("protonats.lock", '"format": 1', '"format": 2')

    result = project.command("check")

    assert (result.exit_code, result.stderr) == (
        1,
        "error: protonats.lock: format 2 is not known: upgrade protonats, or delete the file and"
        " generate again\n",
    )


def test_caches_and_hidden_files_beside_generated_modules_are_nothing(project: TestProject) -> None:
    project.write("generated/python/acme/__pycache__/ping.cpython-311.pyc", "bytes")
    project.write("generated/python/acme/.ping_nats.py.x7d2", "what another run is writing")
    project.write("generated/.mypy_cache/3.11/cache.json", "{}")

    assert project.drift() == []


def test_the_program_needs_no_git(project: TestProject) -> None:
    project.replace(SCHEMA, "// Pings.", "// Pings, and more.")

    result = project.program("check", PATH="/nonexistent")

    assert (result.returncode, result.stderr) == (1, "")
    assert f"changed: {SERVICE}\n" in result.stdout
