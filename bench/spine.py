"""The figures of the way from schemas to running services."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import protonats
from bench.measure import Benchmark
from bench.workspace import ROOT, base_python, copy_of_repository, seconds_of, source_roots
from protonats import provision
from protonats.testing import EmbeddedNats, EmbeddedRedis

__all__ = ["BENCHMARKS"]

_SERVICE = "services.state_manager.service:StateManagerService"
_PLAN = ROOT / "generated" / "deploy" / "nats" / "jetstream.json"


@contextmanager
def _up() -> Iterator[Callable[[], float]]:
    yield lambda: seconds_of(["make", "up", "ARGS=--exit"])


@contextmanager
def _first_up() -> Iterator[Callable[[], float]]:
    # Without pip's cache, as on a machine that has never seen these packages.
    environment = dict(os.environ) | {"PIP_NO_CACHE_DIR": "1"}
    with copy_of_repository() as copy:
        command = ["make", "up", "ARGS=--exit", f"PYTHON={sys.executable}"]
        yield lambda: seconds_of(command, cwd=copy, environment=environment)


@contextmanager
def _generate() -> Iterator[Callable[[], float]]:
    with copy_of_repository() as copy:

        def measure() -> float:
            shutil.rmtree(copy / "generated")
            return seconds_of([_command(), "generate"], cwd=copy)

        yield measure


@contextmanager
def _check() -> Iterator[Callable[[], float]]:
    with copy_of_repository() as copy:
        seconds_of([_command(), "generate"], cwd=copy)
        yield lambda: seconds_of([_command(), "check"], cwd=copy)


@contextmanager
def _idle_memory() -> Iterator[Callable[[], float]]:
    with EmbeddedNats(jetstream=True) as nats, EmbeddedRedis() as redis:
        asyncio.run(_provision(nats.url))
        environment = source_roots() | {
            "NATS_URL": nats.url,
            "REDIS_URL": redis.url,
            "PROTONATS_HEALTH_ADDRESS": "127.0.0.1:0",
        }
        command = [str(base_python()), "-m", "protonats.serve", _SERVICE]

        def measure() -> float:
            with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
                try:
                    assert process.stderr is not None
                    lines = iter(process.stderr.readline, b"")
                    if not any(json.loads(line).get("event") == "serving" for line in lines):
                        raise RuntimeError(f"{_SERVICE} did not serve")
                    return _resident_mebibytes(process.pid)
                finally:
                    process.terminate()

        yield measure


async def _provision(url: str) -> None:
    async with await protonats.connect(url) as connection:
        plan = json.loads(_PLAN.read_text(encoding="utf-8"))
        await provision.apply(connection.jetstream, plan, replicas=1)


def _importing(code: str) -> Callable[[], float]:
    """Seconds that an import takes in a new interpreter, once that runs."""
    clock = "time.perf_counter()"
    program = f"import time; began = {clock}; {code}; print({clock} - began)"
    command = [str(base_python()), "-c", program]

    def measure() -> float:
        done = subprocess.run(
            command, env=source_roots(), check=True, capture_output=True, text=True
        )
        return float(done.stdout)

    measure()  # writes the byte code of everything that is imported
    return measure


@contextmanager
def _import() -> Iterator[Callable[[], float]]:
    yield _importing("import protonats")


@contextmanager
def _import_service() -> Iterator[Callable[[], float]]:
    yield _importing("import protonats.serve, protonats.redis, services.state_manager.service")


def _command() -> Path:
    return Path(sys.executable).parent / "protonats"


def _resident_mebibytes(pid: int) -> float:
    listed = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True, text=True
    )
    return int(listed.stdout) / 1024


BENCHMARKS = (
    Benchmark(
        name="up",
        text="make up, environment present, to the end of the tour and of all processes",
        unit="s",
        target=20.0,
        runs=3,
        prepare=_up,
    ),
    Benchmark(
        name="first-up",
        text="make up in a new clone, environment included",
        unit="s",
        target=90.0,
        runs=1,
        prepare=_first_up,
    ),
    Benchmark(
        name="generate",
        text="protonats generate, all of generated/",
        unit="s",
        target=2.0,
        runs=7,
        prepare=_generate,
    ),
    Benchmark(name="check", text="protonats check", unit="s", target=2.0, runs=7, prepare=_check),
    Benchmark(
        name="idle-memory",
        text="resident memory of an idle service, base install",
        unit="MiB",
        target=60.0,
        runs=5,
        prepare=_idle_memory,
    ),
    Benchmark(
        name="import",
        text="import protonats, base install",
        unit="s",
        target=0.05,
        runs=15,
        prepare=_import,
    ),
    Benchmark(
        name="import-service",
        text="import of a service's whole program, base install",
        unit="s",
        target=0.4,
        runs=9,
        prepare=_import_service,
    ),
)
"""Every figure of this part."""
