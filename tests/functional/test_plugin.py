"""The plugin, called by protoc, by buf and by `protonats generate`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import Edition

from protoc_gen_nats import __version__, plugin
from protoc_gen_nats.includes import flags
from tests.projects import ROOT, environment, run
from tests.schemas import code_generator_request, compile_schemas, schema_paths, write_schema

PROTOC = (sys.executable, "-m", "grpc_tools.protoc")
CASES = ROOT / "tests/golden/cases"
BUF = Path(sys.executable).with_name("buf")

QUEST = """\
syntax = "proto3";
package acme.quest.v1;
import "protonats/v1/options.proto";
service QuestService {
  rpc Make(MakeRequest) returns (MakeResponse);
}
message MakeRequest { optional string name = 1; }
message MakeResponse {}
message QuestMade {
  option (protonats.v1.event) = {subject: "evt.quest.made.v1"};
}
"""
REWARD = """\
edition = "2023";
package acme.reward.v1;
import "protonats/v1/options.proto";
service RewardService {
  option (protonats.v1.service) = {
    consumes: {durable: "reward" events: "acme.quest.v1.QuestMade"}
  };
  rpc Grant(GrantRequest) returns (stream GrantResponse);
}
message GrantRequest {}
message GrantResponse {}
"""
MANIFEST = """\
version: 1
streams:
  EVENTS:
    subjects: [evt.>]
  DEAD_LETTERS:
    subjects: [dlq.>]
"""
BUF_GEN = """\
version: v2
plugins:
  - local: protoc-gen-nats
    out: {out}
    strategy: {strategy}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project of two schemas, one of which consumes an event of the other."""
    root = tmp_path_factory.mktemp("plugin")
    write_schema(root / "proto", "acme/quest/v1/quest.proto", QUEST)
    write_schema(root / "proto", "acme/reward/v1/reward.proto", REWARD)
    (root / "protonats.yaml").write_text(MANIFEST)
    (root / "image.binpb").write_bytes(compile_schemas(root / "proto").SerializeToString())
    return root


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which `protoc-gen-nats` is: the installed one, or one that starts the module."""
    if not shutil.which("protoc-gen-nats", path=str(Path(sys.executable).parent)):
        shim = tmp_path_factory.mktemp("bin") / "protoc-gen-nats"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m protoc_gen_nats.plugin\n')
        shim.chmod(0o755)
        return f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def expected(root: Path) -> dict[str, bytes]:
    """What the plugin makes of these schemas, called as a function."""
    request = code_generator_request(root / "proto")
    response = CodeGeneratorResponse.FromString(plugin.run(request.SerializeToString()))
    assert not response.error
    return {file.name: file.content.encode() for file in response.file}


def generated(folder: Path) -> dict[str, bytes]:
    """The files of the plugin below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.name.endswith(("_nats.py", "_pb2.pyi")) and "acme" in path.parts
    }


def by_protoc(root: Path, path: str, out: Path) -> subprocess.CompletedProcess[str]:
    arguments = ["-Iproto", *flags(), f"--nats_out={out}", "--nats_opt=target=python"]
    return run(*PROTOC, *arguments, *schema_paths(root / "proto"), cwd=root, PATH=path)


def by_buf(root: Path, path: str, out: Path) -> subprocess.CompletedProcess[str]:
    return buf_generate(root, path, out, "all")


def by_protonats(root: Path, path: str, out: Path) -> subprocess.CompletedProcess[str]:
    for name in ("proto", "protonats.yaml"):
        os.symlink(root / name, out / name)
    start = "from protoc_gen_nats.cli import main; main()"
    done = run(sys.executable, "-c", start, "generate", cwd=out, PATH=path)
    for file in (out / "generated/python").iterdir():
        shutil.move(file, out)
    return done


def buf_generate(
    root: Path, path: str, out: Path, strategy: str
) -> subprocess.CompletedProcess[str]:
    template = out / "buf.gen.yaml"
    template.write_text(BUF_GEN.format(out=out, strategy=strategy))
    command = [str(BUF), "generate", "image.binpb", "--template", str(template), "--path", "acme"]
    return run(*command, cwd=root, PATH=path, BUF_CACHE_DIR=str(out / "cache"))


@pytest.mark.parametrize("call", [by_protoc, by_buf, by_protonats])
def test_every_caller_gets_the_same_bytes(
    call: Callable[[Path, str, Path], subprocess.CompletedProcess[str]],
    root: Path,
    path: str,
    expected: dict[str, bytes],
    tmp_path: Path,
) -> None:
    done = call(root, path, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert generated(tmp_path) == expected
    assert expected.keys() == {
        f"acme/{name}/v1/{name}_{kind}"
        for name in ("quest", "reward")
        for kind in ("nats.py", "pb2.pyi")
    }


def test_buf_once_a_directory_says_which_setting_is_missing(
    root: Path, path: str, tmp_path: Path
) -> None:
    done = buf_generate(root, path, tmp_path, "directory")

    assert done.returncode == 1
    assert "acme/reward/v1/reward.proto:5:3: consumer 'reward' consumes" in done.stderr
    assert "pass the schema that declares it too (with buf: `strategy: all`)" in done.stderr
    assert generated(tmp_path) == {}


def test_protoc_says_what_is_wrong_and_writes_nothing(
    root: Path, path: str, tmp_path: Path
) -> None:
    write_schema(tmp_path, "acme/bad/v1/bad.proto", REWARD.replace("GrantResponse {}", "Other {}"))
    write_schema(tmp_path, "bad.proto", QUEST.replace("evt.quest.made.v1", "evt..made"))
    arguments = [*PROTOC, f"-I{tmp_path}", *flags(), f"--nats_out={tmp_path}"]

    done = run(*arguments, "bad.proto", cwd=root, PATH=path)

    assert done.returncode == 1
    assert done.stderr == (
        "--nats_out: bad.proto:10:3: event subject 'evt..made' has an empty token: write tokens"
        " separated by single dots\n"
    )
    assert generated(tmp_path) == {}


def test_the_same_request_gives_the_same_bytes_everywhere(root: Path, tmp_path: Path) -> None:
    """Whatever the folder, the order of hashes, the language, the time zone and the user are."""
    request = CodeGeneratorRequest()
    for case in ("comments", "editions", "fields", "keywords", "methods_of_all_kinds", "proto2"):
        one = code_generator_request(CASES / case / "proto")
        request.file_to_generate.extend(one.file_to_generate)
        known = {file.name for file in request.proto_file}
        request.proto_file.extend(file for file in one.proto_file if file.name not in known)

    answers = {
        subprocess.run(
            [sys.executable, "-m", "protoc_gen_nats.plugin"],
            input=request.SerializeToString(deterministic=True),
            cwd=folder,
            env=environment(PYTHONHASHSEED=seed, LC_ALL=locale, TZ=zone, HOME=str(tmp_path)),
            capture_output=True,
            check=True,
        ).stdout
        for folder, seed, locale, zone in (
            (root, "1", "C", "UTC"),
            (tmp_path, "2", "C.UTF-8", "Asia/Tokyo"),
        )
    }

    assert len(answers) == 1
    response = CodeGeneratorResponse.FromString(answers.pop())
    assert not response.error
    assert len(response.file) == 10


def test_the_response_declares_what_the_plugin_supports() -> None:
    request = CodeGeneratorRequest().SerializeToString()

    response = CodeGeneratorResponse.FromString(plugin.run(request))

    assert response.supported_features == (
        CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
        | CodeGeneratorResponse.FEATURE_SUPPORTS_EDITIONS
    )
    assert response.minimum_edition == Edition.EDITION_PROTO2
    assert response.maximum_edition >= Edition.EDITION_2023


def test_what_is_no_request_is_one_line() -> None:
    """Somebody started the plugin by hand."""
    done = run(sys.executable, "-m", "protoc_gen_nats.plugin", input="\n\n")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "protoc-gen-nats: standard input is no CodeGeneratorRequest: let protoc start this"
        " program (--nats_out=<folder>), or buf\n"
    )


@pytest.mark.parametrize(
    ("argument", "code"), [("-h", 0), ("--help", 0), ("--version", 0), ("proto", 1)]
)
def test_an_argument_is_answered_with_two_lines(argument: str, code: int) -> None:
    done = run(sys.executable, "-m", "protoc_gen_nats.plugin", argument)

    said = (done.stderr if code else done.stdout).splitlines()
    assert (done.returncode, len(said)) == (code, 2)
    assert said[0].startswith(f"protoc-gen-nats {__version__}, a plugin that protoc and buf start")


def test_a_terminal_is_answered_with_two_lines() -> None:
    ours, theirs = os.openpty()

    done = subprocess.run(
        [sys.executable, "-m", "protoc_gen_nats.plugin"],
        stdin=theirs,
        env=environment(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    os.close(ours)
    os.close(theirs)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(f"protoc-gen-nats {__version__}, ".encode())


def test_the_plugin_loads_no_module_of_the_command_line() -> None:
    """Nor what knows disks, YAML or other programs: what it is given is all that it sees."""
    program = "import sys, protoc_gen_nats.plugin; print(*sys.modules)"

    loaded = set(run(sys.executable, "-c", program).stdout.split())

    ours = {"cli", "drift", "includes", "lock", "manifest", "project", "protoc", "writing"}
    assert loaded.isdisjoint(f"protoc_gen_nats.{name}" for name in ours)
    assert loaded.isdisjoint(("click", "jsonschema", "nats", "redis", "subprocess", "yaml"))


PURE = """
import builtins, sys
from protoc_gen_nats import plugin

ALLOWED = tuple(sys.argv[1:])
request = sys.stdin.buffer.read()

def audit(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename"):
        path = str(arguments[0])
        if not path.startswith(ALLOWED):
            raise PermissionError(f"{event} of {path}")
    elif event.startswith(("socket.", "subprocess.", "os.exec", "os.putenv", "time.")):
        raise PermissionError(event)

sys.addaudithook(audit)
sys.stdout.buffer.write(plugin.run(request))
"""


def test_the_plugin_opens_nothing_but_its_own_modules_and_templates(
    root: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    libraries = {
        os.path.dirname(os.__file__),
        *(path for path in sys.path if "site-packages" in path),
    }
    own = {str(ROOT / "codegen"), str(ROOT / "runtime/protonats"), str(ROOT / "templates")}

    done = subprocess.run(
        [sys.executable, "-c", PURE, *libraries, *own],
        input=code_generator_request(root / "proto").SerializeToString(),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr.decode()) == (0, "")
    response = CodeGeneratorResponse.FromString(done.stdout)
    assert {file.name: file.content.encode() for file in response.file} == expected
