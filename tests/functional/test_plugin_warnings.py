"""What the plugin only warns of goes to standard error, and stops nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse

from tests.projects import environment
from tests.schemas import code_generator_request, write_schema

SCHEMA = """\
syntax = "proto3";
package acme.{one}.v1;
import "protonats/v1/options.proto";
service {one}Service {{
  option (protonats.v1.service) = {{calls: "acme.{other}.v1.{other}Service"}};
  rpc Get(M) returns (M);
}}
message M {{}}
"""


def test_a_circle_of_calls(tmp_path: Path) -> None:
    for one, other in (("Ping", "Pong"), ("Pong", "Ping")):
        write_schema(tmp_path, f"acme/{one}.proto", SCHEMA.format(one=one, other=other))
    request = code_generator_request(tmp_path, "set=complete")

    done = subprocess.run(
        [sys.executable, "-m", "protoc_gen_nats.plugin"],
        input=request.SerializeToString(),
        env=environment(),
        capture_output=True,
        check=True,
        timeout=60,
    )

    response = CodeGeneratorResponse.FromString(done.stdout)
    assert (response.error, len(response.file)) == ("", 4)
    (warning,) = done.stderr.decode().splitlines()
    assert warning.startswith("warning: acme/Ping.proto:5:3: calls go in a circle, ")
