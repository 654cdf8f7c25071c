"""The time from schemas to running services."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Benchmark, Figure, Part
from bench.workspace import copy_of_repository, python_of, seconds_of, source_roots

__all__ = ["PARTS"]


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


def _importing(code: str) -> Callable[[], float]:
    """Seconds that an import takes in a new interpreter, once that runs."""
    clock = "time.perf_counter()"
    program = f"import time; began = {clock}; {code}; print({clock} - began)"
    command = [str(python_of("base")), "-c", program]

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


_BENCHMARKS = (
    Benchmark(
        figure=Figure(
            name="up",
            text="make up, environment present, to the end of the tour and of all processes",
            unit="s",
            target=20.0,
        ),
        runs=3,
        prepare=_up,
    ),
    Benchmark(
        figure=Figure(
            name="first-up",
            text="make up in a new clone, environment included",
            unit="s",
            target=90.0,
        ),
        runs=1,
        prepare=_first_up,
    ),
    Benchmark(
        figure=Figure(
            name="generate",
            text="protonats generate, all of generated/",
            unit="s",
            target=1.0,
        ),
        runs=7,
        prepare=_generate,
    ),
    Benchmark(
        figure=Figure(
            name="check",
            text="protonats check",
            unit="s",
            target=0.7,
        ),
        runs=7,
        prepare=_check,
    ),
    Benchmark(
        figure=Figure(
            name="import",
            text="import protonats, base install",
            unit="s",
            target=0.05,
        ),
        runs=15,
        prepare=_import,
    ),
    Benchmark(
        figure=Figure(
            name="import-service",
            text="import of a service's whole program, base install",
            unit="s",
            target=0.4,
        ),
        runs=9,
        prepare=_import_service,
    ),
)

PARTS: tuple[Part, ...] = tuple(benchmark.part("spine") for benchmark in _BENCHMARKS)
"""Every part of this group."""
