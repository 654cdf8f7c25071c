"""Places at which other plugins put code into generated modules, in the same run of protoc."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

from protoc_gen_nats.includes import flags
from tests.golden.generating import GOOD_CASES, generate
from tests.projects import PING, run
from tests.schemas import write_schema

PROTOC = (sys.executable, "-m", "grpc_tools.protoc")
SECOND = f"""\
#!{sys.executable}
import sys

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse

request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
response = CodeGeneratorResponse()
for point, text in {{
    "imports": "import logging\\n",
    "class_scope:acme.ping.v1.PingServiceClient": "client_of = 'ping'\\n",
    "class_scope:acme.ping.v1.PingServiceServer": "def who(self):\\n    return 'ping'\\n",
    "module_scope": "log = logging.getLogger(__name__)\\n",
}}.items():
    response.file.add(
        name="acme/ping/v1/ping_nats.py", insertion_point=request.parameter + point, content=text
    )
sys.stdout.buffer.write(response.SerializeToString())
"""


@pytest.fixture
def plugins(tmp_path: Path) -> str:
    """A PATH with our plugin and a second one, beside a schema in `proto`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    start = f'#!/bin/sh\nexec "{sys.executable}" -m protoc_gen_nats.plugin\n'
    for name, text in (("second", SECOND), ("nats", start)):
        (folder / f"protoc-gen-{name}").write_text(text)
        (folder / f"protoc-gen-{name}").chmod(0o755)
    write_schema(tmp_path / "proto", "acme/ping/v1/ping.proto", PING)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_a_second_plugin_adds_to_our_module(tmp_path: Path, plugins: str) -> None:
    command = [*PROTOC, "-Iproto", *flags(), "--nats_out=.", "--second_out=.", "--python_out=."]

    done = run(*command, "acme/ping/v1/ping.proto", cwd=tmp_path, PATH=plugins)

    assert (done.returncode, done.stderr) == (0, "")
    module = (tmp_path / "acme/ping/v1/ping_nats.py").read_text()
    assert "import logging\n# @@protoc_insertion_point(imports)\n" in module
    client, server = (
        node
        for node in ast.parse(module).body
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Client", "Server"))
    )
    assert "client_of = 'ping'" in ast.unparse(client)
    assert "def who(self):" in ast.unparse(server)

    program = "from acme.ping.v1 import ping_nats as m; print(m.PingServiceClient.client_of, m.log)"
    printed = run(sys.executable, "-c", program, cwd=tmp_path)
    assert (printed.stderr, printed.stdout) == (
        "",
        "ping <Logger acme.ping.v1.ping_nats (WARNING)>\n",
    )


def test_a_point_that_is_none_is_an_error_of_protoc(tmp_path: Path, plugins: str) -> None:
    """So that the test above can fail."""
    command = [*PROTOC, "-Iproto", *flags(), "--nats_out=.", "--second_out=wrong_:."]

    done = run(*command, "acme/ping/v1/ping.proto", cwd=tmp_path, PATH=plugins)

    assert done.returncode == 1
    assert 'insertion point "wrong_imports" not found' in done.stderr


@pytest.mark.parametrize("case", GOOD_CASES, ids=lambda case: case.name)
def test_each_class_of_members_has_a_point(case: Path) -> None:
    files, _ = generate(case)
    for path, source in files.items():
        if not path.endswith("_nats.py") or "def " not in source:
            continue
        points = [
            line.strip() for line in source.splitlines() if "@@protoc_insertion_point(" in line
        ]
        names = [
            node.name
            for node in ast.parse(source).body
            if isinstance(node, ast.ClassDef)
            and node.name.endswith(("Client", "Server", "Publisher"))
        ]
        assert points[0] == "# @@protoc_insertion_point(imports)"
        assert points[-1] == "# @@protoc_insertion_point(module_scope)"
        scopes = [point.rpartition(":")[2].rstrip(")").rpartition(".")[2] for point in points[1:-1]]
        # A class that begins with two underscores would be mangled inside others.
        assert [f"Rpc{name}" if name.startswith("__") else name for name in scopes] == names
