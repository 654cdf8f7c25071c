"""`protonats generate` when something goes wrong: disks, other runs, an end in the middle."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from protoc_gen_nats import writing
from protoc_gen_nats.targets import services
from tests.projects import TestProject, run

PYTHON = "generated/python/acme"
STUB = f"{PYTHON}/ping/v1/ping_nats.py"
SCAFFOLD = "services/ping/service.py"
KILLED = """
import os, signal, sys
from protoc_gen_nats.cli import main

left, replace = int(sys.argv.pop()), os.replace

def kill(*paths):
    global left
    left -= str(paths[1]).startswith(os.getcwd())
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)

os.replace = kill
main()
"""
FULL = """
import resource, sys
from protoc_gen_nats.cli import main
from protoc_gen_nats.project import project

write_all = project.write_all

def limited(*arguments):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
    write_all(*arguments)

project.write_all = limited
main()
"""
SCHEMA = "generated/manifest.schema.json"
PONG = [f"{PYTHON}/pong/v1/pong_{kind}" for kind in ("nats.py", "pb2.py", "pb2.pyi")]


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    return TestProject(tmp_path / "project")


def test_a_crash_while_rendering_writes_nothing(
    project: TestProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("a target failed")

    monkeypatch.setattr(services, "render", crash)
    before = project.files()

    result = project.command("generate")

    assert isinstance(result.exception, RuntimeError)
    assert project.files() == before


def test_a_full_disk_changes_no_file(project: TestProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.generate()
    project.replace("proto/acme/ping/v1/ping.proto", "rpc Ping(", "rpc Poke(")
    before = project.files()
    fail_on_call(2, monkeypatch, "mkstemp", tempfile)

    result = project.command("generate")

    assert (result.exit_code, result.stderr) == (1, "error: ping: No space left on device\n")
    assert project.files() == before


def test_a_crash_while_writing_leaves_whole_files(
    project: TestProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.generate()
    old = project.files()
    project.replace("proto/acme/ping/v1/ping.proto", "rpc Ping(", "rpc Poke(")
    with monkeypatch.context() as patch:
        fail_on_call(3, patch, "replace", os)
        result = project.command("generate")
    broken = project.files()

    assert (result.exit_code, result.stderr) == (1, "error: ping: No space left on device\n")
    project.generate()
    new = project.files()
    assert broken.keys() == new.keys()
    assert all(content in (old[path], new[path]) for path, content in broken.items())
    assert project.drift() == []


def fail_on_call(number: int, monkeypatch: pytest.MonkeyPatch, name: str, module: Any) -> None:
    """Lets the n-th call of a function fail as on a full disk."""
    real: Callable[..., Any] = getattr(module, name)
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise OSError(28, os.strerror(28), "ping")
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, call)


def test_a_folder_in_the_place_of_a_file_is_named_and_nothing_is_written(
    project: TestProject,
) -> None:
    project.generate()
    (project.root / STUB).unlink()
    (project.root / STUB).mkdir()
    project.replace("proto/acme/ping/v1/ping.proto", "string text = 1;", "int32 number = 1;")
    before = project.files()

    result = project.command("generate")

    assert result.exit_code == 1
    assert result.stderr == f"error: {project.root / STUB}: Is a directory\n"
    assert project.files() == before


def test_runs_at_the_same_time_do_not_disturb_each_other(project: TestProject) -> None:
    project.generate()
    (project.root / "proto/acme/pong/v1/pong.proto").unlink()
    project.replace("proto/acme/ping/v1/ping.proto", "// Pings.", "// Pings, and more.")

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(project.program, "generate") for _ in range(4)]

    assert [result.result().stderr for result in results] == [""] * 4
    assert project.drift() == []


def test_an_orphan_that_somebody_else_removes_is_gone(
    project: TestProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.generate()
    (project.root / "proto/acme/pong/v1/pong.proto").unlink()

    def write_all(root: Path, files: Mapping[str, bytes]) -> None:
        writing.write_all(root, files)
        shutil.rmtree(root / PYTHON / "pong", ignore_errors=True)

    monkeypatch.setattr("protoc_gen_nats.project.project.write_all", write_all)

    assert json.loads(project.generate("--json").stdout)["removed"] == PONG


def test_a_folder_that_cannot_be_written_is_one_line(project: TestProject) -> None:
    project.write("generated", "a file where the folder should be\n")

    result = project.command("generate")

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"error: {project.root / 'generated'}")
    assert "protonats.lock" not in project.files()


def test_a_read_only_folder_is_one_line(
    project: TestProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkstemp = tempfile.mkstemp

    def refuse(*, dir: Path, prefix: str, suffix: str) -> tuple[int, str]:
        if dir.is_relative_to(project.root / "generated"):
            raise PermissionError(13, os.strerror(13), str(dir))
        return mkstemp(dir=dir, prefix=prefix, suffix=suffix)

    monkeypatch.setattr(tempfile, "mkstemp", refuse)

    result = project.command("generate")

    assert result.exit_code == 1
    assert result.stderr == f"error: {project.root / 'generated/deploy/nats'}: Permission denied\n"


@pytest.mark.parametrize("moment", [1, 17])
def test_the_run_after_one_that_was_killed_mends_everything(
    project: TestProject, moment: int, tmp_path: Path
) -> None:
    killed = run(sys.executable, "-c", KILLED, "generate", str(moment), cwd=project.root)
    assert killed.returncode == -signal.SIGKILL
    assert [path for path in project.files() if path.endswith(".protonats-tmp")]

    project.generate()

    other = TestProject(tmp_path / "other")
    other.generate()
    assert project.files() == other.files()
    assert project.drift() == []


@pytest.mark.parametrize("moment", [2, 5])
def test_what_a_killed_run_wrote_is_no_edit_by_hand(project: TestProject, moment: int) -> None:
    """Not even if the schemas change again before the next run."""
    project.generate()
    project.replace("proto/acme/ping/v1/ping.proto", "rpc Ping(", "rpc Poke(")

    killed = run(sys.executable, "-c", KILLED, "generate", str(moment), cwd=project.root)
    project.replace("proto/acme/ping/v1/ping.proto", "rpc Poke(", "rpc Prod(")

    assert killed.returncode == -signal.SIGKILL
    assert "hand-edited" not in [state for state, _ in project.drift()]
    project.generate()
    assert project.drift() == []
    assert "pending" not in json.loads(project.read("protonats.lock"))


def test_what_a_killed_run_began_and_nothing_generates_any_more_is_removed(
    project: TestProject,
) -> None:
    killed = run(sys.executable, "-c", KILLED, "generate", "11", cwd=project.root)
    (project.root / "proto/acme/pong/v1/pong.proto").unlink()

    done = json.loads(project.generate("--json").stdout)

    assert killed.returncode == -signal.SIGKILL
    assert (done["removed"], done["kept"]) == (PONG, [])
    assert project.drift() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with room for the project, and for little of what is generated."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nobody but root can mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_is_one_line_and_changes_nothing(small_disk: Path) -> None:
    project = TestProject(small_disk / "project")
    before = project.files()

    failed = project.program("generate")

    assert failed.returncode == 1
    assert failed.stderr.endswith(": No space left on device\n")
    assert failed.stderr.startswith(f"error: {project.root}/")
    assert failed.stderr.count("\n") == 1
    assert project.files() == before


def test_a_file_that_cannot_be_stored_in_full_is_named(project: TestProject) -> None:
    before = project.files()

    failed = run(sys.executable, "-c", FULL, "generate", cwd=project.root)

    assert (failed.returncode, failed.stderr) == (
        1,
        f"error: {project.root / SCHEMA}: File too large\n",
    )
    assert project.files() == before


def test_a_disk_without_locks_is_no_error(
    project: TestProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, os.strerror(37))

    monkeypatch.setattr(fcntl, "flock", refuse)
    project.write("generated/.other.py.x7d2.protonats-tmp", "what another run is writing")

    project.generate()

    assert project.drift() == []
    assert (project.root / "generated/.other.py.x7d2.protonats-tmp").is_file()
