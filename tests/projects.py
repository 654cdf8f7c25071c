"""A small project on disk, and the command line run on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from tests.schemas import write_schema

__all__ = ["ROOT", "TestProject", "environment", "run"]

ROOT = Path(__file__).resolve().parents[1]

MANIFEST = """\
version: 1
documents: []
streams:
  EVENTS:
    subjects: [evt.ping.>]
"""
PING = """\
syntax = "proto3";

package acme.ping.v1;

import "protonats/v1/options.proto";

// Answers.
service PingService {
  // Pings.
  rpc Ping(PingRequest) returns (PingResponse);
}

message PingRequest {
  string text = 1;
}

message PingResponse {}

message Pinged {
  option (protonats.v1.event) = {subject: "evt.ping.pinged.v1"};
}
"""
PONG = """\
syntax = "proto3";

package acme.pong.v1;

service PongService {
  rpc Pong(PongRequest) returns (PongResponse);
}

message PongRequest {}

message PongResponse {}
"""


def environment(**variables: str) -> dict[str, str]:
    """The environment of a program that imports the repository's packages, in a terminal that has
    the size it says itself."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("codegen", "runtime"))
    inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    return {**inherited, "PYTHONPATH": path, **variables}


def run(
    *command: str | Path, cwd: Path = ROOT, input: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program, and gives what it said."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(**variables),
        input=input,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class TestProject:
    """A project of two schemas, with one service each."""

    __test__ = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("protonats.yaml", MANIFEST)
        self.write("proto/acme/ping/v1/ping.proto", PING)
        self.write("proto/acme/pong/v1/pong.proto", PONG)

    def write(self, path: str, text: str) -> None:
        """Writes a file."""
        write_schema(self.root, path, text)

    def read(self, path: str) -> str:
        """The content of a file."""
        return (self.root / path).read_text(encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Changes a file, in which `old` must stand."""
        text = self.read(path)
        assert old in text
        self.write(path, text.replace(old, new))

    def files(self) -> dict[str, bytes]:
        """All files and their content."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
        }

    def times(self) -> dict[str, int]:
        """All files and when they were written."""
        return {path: (self.root / path).stat().st_mtime_ns for path in self.files()}

    def command(self, *arguments: str) -> Result:
        """Runs `protonats` on the project."""
        name, *rest = arguments
        return CliRunner().invoke(main, [name, "--project", str(self.root), *rest])

    def generate(self, *arguments: str) -> Result:
        """Runs `protonats generate`, which must succeed."""
        result = self.command("generate", *arguments)
        assert result.exit_code == 0, result.output
        return result

    def check(self) -> dict[str, Any]:
        """What `protonats check --json` says; its exit code has to agree."""
        result = self.command("check", "--json")
        found: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (0 if found["clean"] else 1)
        return found

    def drift(self) -> list[tuple[str, str]]:
        """The state and path of every file that drifted."""
        return [(one["state"], one["path"]) for one in self.check()["drift"]]

    def program(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `protonats` as a program of its own, in the project's folder."""
        start = "from protoc_gen_nats.cli import main; main()"
        return run(sys.executable, "-c", start, *arguments, cwd=self.root, **variables)
