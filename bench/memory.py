"""The memory that a service takes while nobody calls it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import protonats
from bench.measure import Benchmark, Figure, Part
from bench.workspace import ROOT, python_of, seconds_of, source_roots
from protonats import provision
from protonats.testing import EmbeddedNats, EmbeddedRedis

__all__ = ["PARTS"]

_PLAN = ROOT / "generated" / "deploy" / "nats" / "jetstream.json"
_STATE_MANAGER = "services.state_manager.service:StateManagerService"
_GREETER = "services.greeter.service:GreeterService"
_SERVING = b'"serving"'
_GREETER_SCHEMA = """
syntax = "proto3";
package acme.greeter.v1;
service GreeterService {
  rpc Greet(GreetRequest) returns (GreetResponse);
}
message GreetRequest { string name = 1; }
message GreetResponse { string text = 1; }
"""


@contextmanager
def _without_rules() -> Iterator[Callable[[], float]]:
    """A service whose schema has no validation rules, on the base install."""
    with tempfile.TemporaryDirectory(prefix="protonats-bench-") as directory:
        schema = Path(directory, "proto", "acme", "greeter", "v1", "greeter.proto")
        schema.parent.mkdir(parents=True)
        schema.write_text(_GREETER_SCHEMA, encoding="utf-8")
        Path(directory, "protonats.yaml").write_text("version: 1\n", encoding="utf-8")
        seconds_of([Path(sys.executable).parent / "protonats", "generate"], cwd=Path(directory))
        roots = [ROOT / "runtime", Path(directory), Path(directory, "generated", "python")]
        environment = source_roots() | {"PYTHONPATH": os.pathsep.join(map(str, roots))}
        with EmbeddedNats() as nats:
            command = [str(python_of("base")), "-m", "protonats.serve", _GREETER]
            yield _serving(command, environment | {"NATS_URL": nats.url})


@contextmanager
def _with_rules() -> Iterator[Callable[[], float]]:
    """A service of the platform, which validates, consumes, and has a connection to Redis."""
    with EmbeddedNats(jetstream=True) as nats, EmbeddedRedis() as redis:
        asyncio.run(_provision(nats.url))
        environment = source_roots() | {"NATS_URL": nats.url, "REDIS_URL": redis.url}
        command = [str(python_of("validate")), "-m", "protonats.serve", _STATE_MANAGER]
        yield _serving(command, environment)


async def _provision(url: str) -> None:
    async with await protonats.connect(url) as connection:
        plan = json.loads(_PLAN.read_text(encoding="utf-8"))
        await provision.apply(connection.jetstream, plan, replicas=1)


def _serving(command: list[str], environment: Mapping[str, str]) -> Callable[[], float]:
    """The resident memory of a process in MiB, once it serves."""
    environment = {**environment, "PROTONATS_HEALTH_ADDRESS": "127.0.0.1:0"}

    def measure() -> float:
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
            try:
                assert process.stderr is not None
                lines = list(_until_serving(iter(process.stderr.readline, b"")))
                if not lines or _SERVING not in lines[-1]:
                    raise RuntimeError(f"{command[-1]} did not serve:\n{b''.join(lines).decode()}")
                return _resident_mebibytes(process.pid)
            finally:
                process.terminate()

    return measure


def _until_serving(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line
        if _SERVING in line:
            return


def _resident_mebibytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if status.exists():  # slim images of Linux have no ps
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        (resident,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
        return int(resident) / 1024
    listed = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True, text=True
    )
    return int(listed.stdout) / 1024


_BENCHMARKS = (
    Benchmark(
        figure=Figure(
            name="idle-memory",
            text="resident memory of an idle service, base install",
            unit="MiB",
            target=60.0,
        ),
        runs=5,
        prepare=_without_rules,
    ),
    Benchmark(
        figure=Figure(
            name="idle-memory-validation",
            text="the same with validation, a consumer and Redis",
            unit="MiB",
            target=80.0,
        ),
        runs=5,
        prepare=_with_rules,
    ),
)

PARTS: tuple[Part, ...] = tuple(benchmark.part("memory") for benchmark in _BENCHMARKS)
"""Every part of this group."""
