"""`protonats breaking`: what it compares with, and how it says what it found."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.projects import TestProject, run
from tests.schemas import compile_schemas

BUF = Path(sysconfig.get_path("scripts"), "buf")
PING = "proto/acme/ping/v1/ping.proto"
REMOVED = "METHOD_REMOVED"


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    return TestProject(tmp_path / "project")


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True)


def commit(root: Path) -> None:
    """Makes a repository, and its first commit on the branch main."""
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=All")


def remove_method(project: TestProject) -> None:
    project.replace(PING, "  rpc Ping(PingRequest) returns (PingResponse);\n", "")


def found(project: TestProject, *arguments: str) -> dict[str, Any]:
    """What `protonats breaking --json` says; its exit code has to agree."""
    result = project.command("breaking", "--json", *arguments)
    value: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if value["clean"] else 1)
    return value


def rules(project: TestProject, *arguments: str) -> list[str]:
    return [finding["rule"] for finding in found(project, *arguments)["findings"]]


def error(project: TestProject, *arguments: str) -> str:
    result = project.command("breaking", *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    return result.stderr


def test_against_a_git_ref(project: TestProject) -> None:
    commit(project.root)
    assert rules(project, "--against", "main") == []

    remove_method(project)

    assert rules(project, "--against", "HEAD") == [REMOVED]


def test_against_a_git_ref_with_schemas_beside_the_project(tmp_path: Path) -> None:
    project = TestProject(tmp_path / "services")
    (project.root / "proto").rename(tmp_path / "proto")
    project.replace("protonats.yaml", "streams:", "proto: {roots: [../proto]}\nstreams:")
    commit(tmp_path)
    assert rules(project, "--against", "main") == []

    project.replace(f"../{PING}", "  rpc Ping(PingRequest) returns (PingResponse);\n", "")

    (finding,) = found(project, "--against", "main")["findings"]
    assert (finding["rule"], finding["path"]) == (REMOVED, f"../{PING}")


def test_against_a_git_ref_from_a_project_within_a_repository(tmp_path: Path) -> None:
    project = TestProject(tmp_path / "services" / "pings")
    (tmp_path / "README").write_text("A big repository.")
    commit(tmp_path)
    remove_method(project)

    assert rules(project, "--against", "main") == [REMOVED]


def test_the_manifest_is_that_of_the_ref(project: TestProject) -> None:
    commit(project.root)
    project.replace("protonats.yaml", "  EVENTS:", "  PINGS:")
    (project.root / "proto").rename(project.root / "schemas")
    project.write("protonats.yaml", project.read("protonats.yaml") + "proto: {roots: [schemas]}\n")

    assert rules(project, "--against", "main") == ["EVENT_STREAM_CHANGED", "STREAM_REMOVED"]


def test_against_a_folder_with_a_manifest_and_one_without(
    project: TestProject, tmp_path: Path
) -> None:
    released = TestProject(tmp_path / "released")
    remove_method(project)

    assert rules(project, "--against", str(released.root)) == [REMOVED]
    assert rules(project, "--against", str(released.root / "proto")) == [REMOVED]


def test_what_the_manifest_excludes_is_excluded_there_too(
    project: TestProject, tmp_path: Path
) -> None:
    released = TestProject(tmp_path / "released")
    released.write("proto/drafts/draft.proto", 'syntax = "proto3"; package drafts.v1;')
    manifest = project.read("protonats.yaml")
    project.write("protonats.yaml", f'{manifest}proto: {{exclude: ["drafts/*"]}}\n')

    assert rules(project, "--against", str(released.root / "proto")) == []

    project.write("protonats.yaml", manifest)

    assert rules(project, "--against", str(released.root / "proto")) == ["PACKAGE_REMOVED"]


@pytest.mark.parametrize("suffix", [".binpb", ".json"])
def test_against_an_image_of_buf(project: TestProject, tmp_path: Path, suffix: str) -> None:
    descriptors = tmp_path / "descriptors.binpb"
    descriptors.write_bytes(compile_schemas(project.root / "proto").SerializeToString())
    image = tmp_path / f"image{suffix}"
    built = run(BUF, "build", descriptors, "-o", image)
    assert built.returncode == 0, built.stderr
    remove_method(project)
    project.replace(PING, "evt.ping.pinged.v1", "evt.ping.heard.v1")

    assert rules(project, "--against", str(image)) == [REMOVED, "EVENT_SUBJECT_CHANGED"]


def test_what_was_wrong_in_the_past_is_passed_over(project: TestProject) -> None:
    """It could never be mended otherwise: the past would be refused forever."""
    project.replace(PING, 'subject: "evt.ping.pinged.v1"', 'subject: "svc.ping.pinged.v1"')
    commit(project.root)
    project.replace(PING, 'subject: "svc.ping.pinged.v1"', 'subject: "evt.ping.pinged.v1"')

    assert rules(project, "--against", "main") == ["EVENT_SUBJECT_CHANGED"]


def test_a_finding_as_json(project: TestProject) -> None:
    project.replace(
        "proto/acme/pong/v1/pong.proto",
        "service PongService {",
        'import "protonats/v1/options.proto"; service PongService {'
        ' option (protonats.v1.service) = {calls: "acme.ping.v1.PingService.Ping"};',
    )
    commit(project.root)
    remove_method(project)

    assert found(project, "--against", "main") == {
        "clean": False,
        "against": "main",
        "findings": [
            {
                "rule": "METHOD_REMOVED",
                "group": "calls",
                "breaking": True,
                "unstable": False,
                "element": "acme.ping.v1.PingService.Ping",
                "path": PING,
                "line": 8,
                "column": 1,
                "text": "method Ping is gone",
                "affected": [{"service": "acme.pong.v1.PongService", "role": "caller"}],
            }
        ],
        "ignored": 0,
    }


def test_what_is_meant_is_ignored_on_the_command_line_or_in_the_manifest(
    project: TestProject,
) -> None:
    commit(project.root)
    remove_method(project)
    element = "acme.ping.v1.PingService.Ping"

    assert rules(project, "--against", "main", "--ignore", REMOVED) == []
    assert rules(project, "--against", "main", "--ignore", f"{REMOVED}:{element}") == []
    assert rules(project, "--against", "main", "--ignore", f"{REMOVED}:acme.Other") == [REMOVED]

    manifest = project.read("protonats.yaml")
    project.write("protonats.yaml", f"{manifest}breaking: {{against: main, ignore: [{REMOVED}]}}\n")

    result = project.command("breaking")
    assert (result.exit_code, result.stdout) == (0, "Nothing breaks since main, 1 ignored.\n")


def test_unstable_packages_break_only_with_a_flag(project: TestProject) -> None:
    text = project.read(PING).replace("acme.ping.v1", "acme.ping.v1beta1")
    project.write("proto/acme/ping/v1beta1/ping.proto", text.replace("evt.ping", "evt.beta"))
    commit(project.root)
    project.replace("proto/acme/ping/v1beta1/ping.proto", "string text = 1;", "int32 text = 1;")

    (finding,) = found(project, "--against", "main")["findings"]
    assert (finding["rule"], finding["breaking"]) == ("FIELD_TYPE_CHANGED", False)

    (finding,) = found(project, "--against", "main", "--unstable")["findings"]
    assert finding["breaking"]


def test_what_cannot_be_compared_with_is_said(project: TestProject, tmp_path: Path) -> None:
    assert error(project, "--against", "main") == (
        "error: main is no folder and no file, and the project is in no git repository\n"
    )
    git(project.root, "init", "--quiet", "--initial-branch=main")
    assert error(project, "--against", "main") == (
        "error: main is no folder, no file and no git ref: name what to compare with\n"
    )
    git(project.root, "add", "proto")
    git(project.root, "commit", "--quiet", "--message=No manifest")
    assert error(project, "--against", "main") == "error: main has no protonats.yaml\n"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert error(project, "--against", str(empty)) == (
        f"error: {empty} has neither a protonats.yaml nor a .proto file\n"
    )


def test_an_option_is_never_taken_for_a_git_ref(project: TestProject) -> None:
    commit(project.root)

    assert "--output=x is no folder, no file and no git ref" in error(
        project, "--against=--output=x"
    )
    assert not (project.root / "x").exists()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("image.json", b"{", "is no image: write one with `buf build -o image.binpb`"),
        ("image.json", b"\xff", "is no image: write one with `buf build -o image.binpb`"),
        ("image.binpb", b"no image", "is no image: write one with `buf build -o image.binpb`"),
        ("image.binpb", b"", "holds no schema"),
    ],
)
def test_a_file_that_is_no_image_is_said(
    project: TestProject, tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    image = tmp_path / name
    image.write_bytes(content)

    assert f"error: {image} {problem}" in error(project, "--against", str(image))


def test_an_image_without_its_imports_is_said(project: TestProject, tmp_path: Path) -> None:
    descriptors = compile_schemas(project.root / "proto")
    del descriptors.file[0]
    image = tmp_path / "image.binpb"
    image.write_bytes(descriptors.SerializeToString())

    assert error(project, "--against", str(image)).endswith("write it with --include_imports\n")


def test_the_place_of_what_is_wrong_elsewhere_begins_with_where(project: TestProject) -> None:
    project.replace(PING, "string text", "strin text")
    commit(project.root)
    project.replace(PING, "strin text", "string text")

    assert error(project, "--against", "main").startswith(f"error: main:{PING}:14:3: ")


def test_wrong_use_is_said(project: TestProject) -> None:
    result = project.command("breaking")
    assert result.exit_code == 2
    assert "name what to compare with: --against main, a folder or an image" in result.stderr

    result = project.command("breaking", "--against", "main", "--ignore", "METHOD_REMOVE")
    assert result.exit_code == 2
    assert "there is no rule 'METHOD_REMOVE': did you mean 'METHOD_REMOVED'?" in result.stderr

    project.write("protonats.yaml", "version: 1\nbreaking: {ignore: [METHOD_REMOVE]}\n")
    assert "protonats.yaml: there is no rule 'METHOD_REMOVE'" in error(
        project, "--against", str(project.root)
    )


def test_all_rules_are_listed(project: TestProject) -> None:
    result = project.command("breaking", "--rules")

    assert result.exit_code == 0
    assert "Calls\n  SERVICE_REMOVED            A service is gone.\n" in result.stdout
    assert not [line for line in result.stdout.splitlines() if line != line.rstrip()]
