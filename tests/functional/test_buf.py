"""The plugin started by buf, once for each folder or once for all, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from protoc_gen_nats.cli import main
from tests.projects import PING, PONG, run
from tests.schemas import write_schema

BUF = Path(sys.executable).with_name("buf")
WORKSPACE = """\
version: v2
modules:
  - path: proto
  - path: third_party/protonats
"""
TEMPLATE = f"""\
version: v2
plugins:
  - protoc_builtin: python
    protoc_path: [{sys.executable}, -m, grpc_tools.protoc]
    out: gen
  - local: [{sys.executable}, -m, protoc_gen_nats.plugin]
    out: gen
"""
CONSUMES = """\
service PongService {
  option (protonats.v1.service) = {
    consumes: {durable: "pong" events: "acme.ping.v1.Pinged"}
  };
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two schemas in two folders, and our options beside them."""
    (tmp_path / "buf.yaml").write_text(WORKSPACE)
    (tmp_path / "buf.gen.yaml").write_text(TEMPLATE)
    target = str(tmp_path / "third_party/protonats")
    assert CliRunner().invoke(main, ["includes", "--export", target]).exit_code == 0
    write_schema(tmp_path / "proto", "acme/ping/v1/ping.proto", PING)
    write_schema(tmp_path / "proto", "acme/pong/v1/pong.proto", PONG)
    return tmp_path


def consume(workspace: Path, *imports: str) -> None:
    """Lets the service in one folder consume an event of the other."""
    lines = "".join(f'import "{path}";\n' for path in ("protonats/v1/options.proto", *imports))
    text = PONG.replace("service PongService {\n", lines + "\n" + CONSUMES)
    write_schema(workspace / "proto", "acme/pong/v1/pong.proto", text)


def generate(workspace: Path, *inputs: str) -> subprocess.CompletedProcess[str]:
    offline = {"BUF_CACHE_DIR": str(workspace / "cache"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    return run(BUF, "generate", *(inputs or ("proto",)), cwd=workspace, **offline)


def files(workspace: Path) -> list[str]:
    folder = workspace / "gen"
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(found)


GENERATED = [
    f"acme/{name}/v1/{name}_{kind}"
    for name in ("ping", "pong")
    for kind in ("nats.py", "pb2.py", "pb2.pyi")
]


def test_once_for_each_folder_is_enough_for_services_apart(workspace: Path) -> None:
    """It is what buf does if nobody says otherwise."""
    done = generate(workspace)

    assert (done.returncode, done.stderr) == (0, "")
    assert files(workspace) == GENERATED

    program = "from acme.ping.v1 import ping_nats; print(ping_nats.PingServiceMethods.ping.subject)"
    path = os.pathsep.join((str(workspace / "gen"), os.environ.get("PYTHONPATH", "")))
    shown = run(sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}.split(':'); {program}")
    assert (shown.stderr, shown.stdout) == ("", "svc.acme.ping.v1.ping\n")


def test_an_event_of_another_folder_needs_the_setting_that_the_error_names(
    workspace: Path,
) -> None:
    consume(workspace)

    done = generate(workspace)

    assert done.returncode == 1
    assert (
        "acme/pong/v1/pong.proto:8:10: consumer 'pong' consumes acme.ping.v1.Pinged, which is in"
        " none of the schemas given: pass the schema that declares it too (with buf:"
        " `strategy: all`)"
    ) in done.stderr
    assert files(workspace) == []

    (workspace / "buf.gen.yaml").write_text(TEMPLATE + "    strategy: all\n")
    done = generate(workspace)

    assert (done.returncode, done.stderr) == (0, "")
    assert files(workspace) == GENERATED


def test_an_import_of_the_event_is_enough_too(workspace: Path) -> None:
    consume(workspace, "acme/ping/v1/ping.proto")

    done = generate(workspace)

    assert done.returncode == 0
    assert files(workspace) == GENERATED


def test_both_strategies_write_the_same(workspace: Path) -> None:
    generate(workspace)
    by_folder = {path: (workspace / "gen" / path).read_bytes() for path in files(workspace)}
    (workspace / "buf.gen.yaml").write_text(TEMPLATE + "    strategy: all\n")
    (workspace / "gen").rename(workspace / "before")

    generate(workspace)

    assert {path: (workspace / "gen" / path).read_bytes() for path in files(workspace)} == by_folder


def test_the_options_beside_the_schemas_become_nothing_of_ours(workspace: Path) -> None:
    """They have a module already, which is the runtime's."""
    done = generate(workspace, ".")

    assert (done.returncode, done.stderr) == (0, "")
    assert set(files(workspace)) == {*GENERATED, "protonats/v1/options_pb2.py"}
