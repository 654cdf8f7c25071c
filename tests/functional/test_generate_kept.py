"""What a run leaves for the next: it saves work, and never decides what the result is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from protoc_gen_nats import protoc
from protoc_gen_nats.contents import content_of
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.keeping import store
from protoc_gen_nats.project.project import Project, Rendered
from protoc_gen_nats.rendering import templates
from tests.projects import TestProject

PING = "proto/acme/ping/v1/ping.proto"
PONG = "proto/acme/pong/v1/pong.proto"


class Runs:
    """The runs of protoc, and the templates that are rendered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.compiled: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        run = protoc._run

        def recorded(command: Sequence[str], root: Path) -> None:
            self.compiled += [one for one in command if one.endswith(".proto") and "/v1/" in one]
            self.meanwhile()
            run(command, root)

        monkeypatch.setattr(protoc, "_run", recorded)

    def take(self) -> list[str]:
        """What was compiled since this was asked last."""
        found, self.compiled = self.compiled, []
        return found


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestProject:
    """A project that has been generated, whose documents are made too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = TestProject(tmp_path / "project")
    project.replace("protonats.yaml", "documents: []\n", "")
    generate(project)
    return project


def generate(project: TestProject) -> Rendered:
    found = Project(project.root)
    rendered = found.render()
    found.write(rendered)
    return rendered


def cold(project: TestProject, monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """What a run says for which nothing is kept."""
    with monkeypatch.context() as patch, TemporaryDirectory() as empty:
        patch.setenv("XDG_CACHE_HOME", empty)
        return Project(project.root).render()


def kept_file(project: TestProject) -> Path:
    (found,) = (project.root.parent / "cache" / "protonats").glob("project-*")
    return found


def test_nothing_is_done_twice(
    project: TestProject, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cold(project, monkeypatch)
    runs.take()
    rendered: list[str] = []
    render = templates._builtin_environment().get_template

    def recorded(name: str, *args: object) -> object:
        rendered.append(name)
        return render(name)

    monkeypatch.setattr(templates._builtin_environment(), "get_template", recorded)
    assert Project(project.root).render() == before
    assert runs.take() == []
    assert not [name for name in rendered if name.startswith(("python/", "scaffold/"))]


def test_what_changed_is_compiled_with_what_imports_it(project: TestProject, runs: Runs) -> None:
    project.write("proto/acme/ping/v1/more.proto", 'syntax = "proto3";\npackage acme.ping.v1;\n')
    project.replace(
        PING, "package acme.ping.v1;", 'package acme.ping.v1;\nimport "acme/ping/v1/more.proto";'
    )
    generate(project)
    assert sorted(runs.take()) == ["acme/ping/v1/more.proto", "acme/ping/v1/ping.proto"]

    project.write(
        "proto/acme/ping/v1/more.proto",
        'syntax = "proto3";\npackage acme.ping.v1;\nmessage More {}\n',
    )
    generate(project)
    assert sorted(runs.take()) == ["acme/ping/v1/more.proto", "acme/ping/v1/ping.proto"]

    project.replace(PONG, "message PongRequest {}", "message PongRequest { string text = 1; }")
    generate(project)
    assert runs.take() == ["acme/pong/v1/pong.proto"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:100],
        lambda raw: raw[:-1],
        lambda raw: raw[:200] + bytes([raw[200] ^ 1]) + raw[201:],
        lambda raw: b"something else",
    ],
    ids=["empty", "cut", "without its end", "one bit", "foreign"],
)
def test_what_is_damaged_is_passed_over(
    project: TestProject,
    runs: Runs,
    damage: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, expected = kept_file(project), cold(project, monkeypatch)
    runs.take()
    file.write_bytes(damage(file.read_bytes()))
    assert generate(project) == expected
    assert len(runs.take()) == 2
    assert generate(project) == expected
    assert runs.take() == []


@pytest.mark.parametrize("what", ["fingerprint", "_FORMAT"])
def test_what_another_version_left_is_passed_over(
    project: TestProject, runs: Runs, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"fingerprint": lambda: "another", "_FORMAT": 99}
    monkeypatch.setattr(store, what, other[what])
    generate(project)
    assert len(runs.take()) == 2


def test_a_cache_that_cannot_be_written_is_done_without(
    project: TestProject, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.root / "file"))
    generate(project)
    generate(project)
    assert len(runs.take()) == 4


def test_an_edit_of_a_generated_file_is_seen(project: TestProject) -> None:
    path = "generated/python/acme/pong/v1/pong_pb2.pyi"
    (project.root / path).write_text("edited\n")
    found = Project(project.root)
    (drift,) = found.drift(found.render())
    assert (drift.path, drift.state.value) == (path, "hand-edited")
    found.write(found.render(), force=True)
    assert b"class PongRequest" in (content_of(project.root / path) or b"")


def test_a_name_declared_twice_is_found_with_protocs_own_words(
    project: TestProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.replace(PONG, "package acme.pong.v1;", "package acme.ping.v1;")
    project.replace(PONG, "message PongRequest", "message PingRequest")
    project.replace(PONG, "rpc Pong(PongRequest)", "rpc Pong(PingRequest)")
    with pytest.raises(UserError) as expected:
        cold(project, monkeypatch)
    with pytest.raises(UserError) as found:
        generate(project)
    assert str(found.value) == str(expected.value)
    assert '"acme.ping.v1.PingRequest" is already defined' in str(found.value)


def test_a_schema_edited_meanwhile_is_not_kept(project: TestProject, runs: Runs) -> None:
    text = project.read(PONG)
    edited = text.replace("message PongRequest {}", "message PongRequest { string late = 1; }")
    project.write(PONG, text + "// Begun.\n")
    # What protoc reads is not what was looked at before.
    runs.meanwhile = lambda: project.write(PONG, edited)
    Project(project.root).render()
    runs.meanwhile = lambda: None
    project.write(PONG, text + "// Begun.\n")
    runs.take()
    rendered = generate(project)
    assert runs.take() == ["acme/pong/v1/pong.proto"]
    assert b"late" not in rendered.owned["generated/python/acme/pong/v1/pong_pb2.pyi"]


def test_old_projects_are_forgotten(project: TestProject) -> None:
    file = kept_file(project)
    old = file.with_name("project-0123456789abcdef")
    old.write_bytes(b"old")
    os.utime(old, (0, 0))
    project.replace(PONG, "message PongRequest {}", "message PongRequest { string text = 1; }")
    generate(project)
    assert kept_file(project) == file
