"""`protonats includes`: how other build systems find the schemas that ours import."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from protoc_gen_nats.cli import main
from tests.projects import ROOT, run
from tests.schemas import write_schema

SCHEMA = """\
syntax = "proto3";
package acme.ping.v1;
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
import "protonats/v1/options.proto";
service PingService {
  option (protonats.v1.service) = {description: "Pings."};
  rpc Ping(PingRequest) returns (PingResponse) {
    option (google.api.http) = {get: "/v1/ping"};
  }
}
message PingRequest { string name = 1 [(buf.validate.field).string.min_len = 1]; }
message PingResponse {}
"""
WORKSPACE = """\
version: v2
modules:
  - path: proto
  - path: third_party/protonats
"""


@pytest.fixture
def includes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The flags, as a shell takes them apart."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    result = CliRunner().invoke(main, ["includes"])
    assert result.exit_code == 0
    return shlex.split(result.stdout)


def test_the_flags_let_protoc_find_everything(includes: list[str], tmp_path: Path) -> None:
    write_schema(tmp_path / "proto", "acme/ping/v1/ping.proto", SCHEMA)
    out = tmp_path / "image.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", *includes, "-I", "proto"]

    done = run(
        *command, "--include_imports", f"--descriptor_set_out={out}", "acme/ping/v1/ping.proto",
        cwd=tmp_path,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    files = {file.name for file in FileDescriptorSet.FromString(out.read_bytes()).file}
    assert {
        "acme/ping/v1/ping.proto",
        "buf/validate/validate.proto",
        "google/api/annotations.proto",
        "protonats/v1/options.proto",
    } <= files


def test_the_flags_name_nothing_that_is_not_there(includes: list[str], tmp_path: Path) -> None:
    folders = [Path(flag.removeprefix("-I")) for flag in includes if flag.startswith("-I")]
    (descriptors,) = (flag for flag in includes if not flag.startswith("-I"))

    assert any((folder / "protonats/v1/options.proto").is_file() for folder in folders)
    assert any((folder / "google/api/annotations.proto").is_file() for folder in folders)
    key, _, path = descriptors.partition("=")
    assert key == "--descriptor_set_in"
    assert Path(path).is_relative_to(tmp_path / "cache")
    # Whole as it is: no other schema has to be known to read it.
    known: set[str] = set()
    for file in FileDescriptorSet.FromString(Path(path).read_bytes()).file:
        assert known >= set(file.dependency)
        known.add(file.name)
    assert "buf/validate/validate.proto" in known


def test_the_flags_name_one_folder(includes: list[str], tmp_path: Path) -> None:
    """Made from what it holds, and mended when somebody cleans up in it."""
    folder = Path(includes[0].removeprefix("-I"))
    options = folder / "protonats/v1/options.proto"
    options.unlink()

    again = CliRunner().invoke(main, ["includes"])

    assert shlex.split(again.stdout) == includes
    assert folder.parent == tmp_path / "cache/protonats"
    assert Path(includes[1].partition("=")[2]).is_relative_to(folder)
    assert options.is_file()


def test_without_a_cache_a_temporary_folder_of_the_user_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = without_cache(tmp_path, monkeypatch)

    first, second = (CliRunner().invoke(main, ["includes"]) for _ in range(2))

    assert (first.exit_code, second.stdout) == (0, first.stdout)
    assert first.stdout.startswith(f"-I{own}/includes-")
    assert own.stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_that_others_can_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = without_cache(tmp_path, monkeypatch)
    own.mkdir()
    own.chmod(0o777)

    result = CliRunner().invoke(main, ["includes"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {own}: somebody else may write there: delete it, or set XDG_CACHE_HOME\n"
    )


def without_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the cache a file, and gives the folder that stands in for it."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"protonats-{os.getuid()}"


def test_white_space_in_the_path_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "my cache"))

    result = CliRunner().invoke(main, ["includes"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: -I{tmp_path}/my cache/protonats/includes-")
    assert result.stderr.endswith(
        ": a shell would split it at its white space: set XDG_CACHE_HOME to a path without any\n"
    )


def test_exported_options_make_a_buf_workspace_build_offline(tmp_path: Path) -> None:
    (tmp_path / "buf.yaml").write_text(WORKSPACE)
    schema = "\n".join(li for li in SCHEMA.splitlines() if not li.startswith('import "buf'))
    schema = schema.replace(" [(buf.validate.field).string.min_len = 1]", "")
    schema = schema.replace('import "google/api/annotations.proto";\n', "")
    schema = schema.replace('    option (google.api.http) = {get: "/v1/ping"};\n', "")
    write_schema(tmp_path / "proto", "acme/ping/v1/ping.proto", schema)

    target = tmp_path / "third_party/protonats"
    result = CliRunner().invoke(main, ["includes", "--export", str(target)])
    offline = {"BUF_CACHE_DIR": str(tmp_path / "cache"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    buf = Path(sys.executable).with_name("buf")
    done = run(buf, "build", "-o", "image.binpb", cwd=tmp_path, **offline)

    exported = ["protonats/v1/options.proto", "protonats.schema.json"]
    assert result.stdout.splitlines() == [str(target / path) for path in exported]
    schema = json.loads((target / "protonats.schema.json").read_text())
    assert schema["properties"].keys() >= {"version", "streams", "templates"}
    assert (target / "protonats/v1/options.proto").read_bytes() == (
        ROOT / "proto/protonats/v1/options.proto"
    ).read_bytes()
    assert (done.returncode, done.stderr) == (0, "")
    image = FileDescriptorSet.FromString((tmp_path / "image.binpb").read_bytes())
    assert "acme/ping/v1/ping.proto" in {file.name for file in image.file}
