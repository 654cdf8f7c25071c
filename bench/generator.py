"""The generator at the size of a big company, and beside the generators of others."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import many
from bench.lab import Lab
from bench.measure import RATIO, Figure, Part, Result
from bench.rounds import ROUNDS

__all__ = ["PARTS", "PLUGINS", "SCALE"]

_BIN: Final = Path(sys.executable).parent
_SIZES: Final = (10, 30, 100, 300, 1000)
_LARGEST: Final = _SIZES[-1]
_CHANGES: Final = 5
_COMPARED: Final = 100

SCALE: Final = "time for each service"
"""The workload of the rows that tell of projects of several sizes."""

PLUGINS: Final = f"protoc, {_COMPARED} services"
"""The workload of the rows that tell of several plugins."""

_COLD = Figure(
    name="thousand-cold",
    text="protonats generate, 1,000 services with 10,000 methods and 30,000 messages, nothing kept",
    unit="s",
    target=30.0,
)
_MEMORY = Figure(
    name="thousand-memory", text="its peak memory, protoc's included", unit="MiB", target=1024.0
)
_CHANGED = Figure(
    name="thousand-one-changed",
    text="protonats generate after a change of one of them",
    unit="s",
    target=3.0,
)
_FLAT = Figure(
    name="thousand-flat",
    text="time for each service, of 1,000 against 100",
    unit=RATIO,
    target=1.25,
)


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    peak: float
    """MiB."""


def _scale(lab: Lab) -> Iterator[Result]:
    for_each: dict[int, float] = {}
    for size in _SIZES:
        lab.progress(f"thousand-cold: {size} services")
        with tempfile.TemporaryDirectory(prefix="protonats-bench-") as folder:
            root = Path(folder, "project")
            many.write(root, size)
            runs = [_cold(root) for _ in range(3)]
            values = [run.seconds / size * 1000 for run in runs]
            for_each[size] = statistics.median(values)
            name = f"{SCALE}:{size:,} services"
            yield Figure(name=name, text="protonats generate", unit="ms").result(values)
            if size < _LARGEST:
                continue
            yield _COLD.result([run.seconds for run in runs])
            yield _MEMORY.result([run.peak for run in runs])
            changes = []
            for revision in range(_CHANGES):
                lab.progress(f"thousand-one-changed: run {revision + 1} of {_CHANGES}")
                many.change(root, size // 2, revision)
                changes.append(_generate(root).seconds)
            yield _CHANGED.result(changes)
    yield _FLAT.result([for_each[_LARGEST] / for_each[100]])


def _cold(root: Path) -> _Run:
    for left in ("generated", "services", "cache"):
        shutil.rmtree(root / left, ignore_errors=True)
    (root / "protonats.lock").unlink(missing_ok=True)
    return _generate(root)


def _generate(root: Path) -> _Run:
    # What is kept between runs lies in the project's folder and goes with it.
    return _run([_BIN / "protonats", "generate"], root, {"XDG_CACHE_HOME": str(root / "cache")})


def _run(command: Sequence[str | Path], folder: Path, variables: Mapping[str, str]) -> _Run:
    """Runs a command that has to be a success."""
    environment = {**os.environ, **variables}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{[*map(str, command)]} ended with {process.returncode}")
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return _Run(seconds, usage.ru_maxrss / unit)


_OUTPUTS: Final = {
    "protonats": ("--python_out={}", "--nats_out={}"),
    "grpcio-tools": ("--python_out={}", "--pyi_out={}", "--grpc_python_out={}"),
    "betterproto2": ("--python_betterproto2_out={}",),
    "connectrpc": ("--python_out={}", "--pyi_out={}", "--connectrpc_out={}"),
}
_PEERS: Final = tuple(name for name in _OUTPUTS if name != "protonats")
_RATIOS: Final = {
    peer: Figure(
        name=f"plugin-{peer}",
        text=f"protoc with our plugin on {_COMPARED} services, of its time with {peer}",
        unit=RATIO,
    )
    for peer in _PEERS
}


def _plugins(lab: Lab) -> Iterator[Result]:
    times: dict[str, list[float]] = {name: [] for name in _OUTPUTS}
    with tempfile.TemporaryDirectory(prefix="protonats-bench-") as folder:
        root = Path(folder)
        many.write(root, _COMPARED)
        for number in range(ROUNDS):
            lab.progress(f"plugins: round {number + 1} of {ROUNDS}")
            for name in _OUTPUTS if number % 2 == 0 else reversed(_OUTPUTS):
                times[name].append(_protoc(root, name))
    ours = times["protonats"]
    for peer, figure in _RATIOS.items():
        pairs = zip(ours, times[peer], strict=True)
        yield figure.result([mine / theirs for mine, theirs in pairs])
    for name, values in times.items():
        figure = Figure(name=f"{PLUGINS}:{name}", text="protoc with this plugin", unit="s")
        yield figure.result(values)


def _protoc(root: Path, plugin: str) -> float:
    out = root / "out" / plugin
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    found = subprocess.run(
        [_BIN / "protonats", "includes"], check=True, capture_output=True, text=True
    ).stdout.split()
    outputs = [option.format(out) for option in _OUTPUTS[plugin]]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-Iproto", *found, *outputs]
    path = os.pathsep.join((str(_BIN), os.environ.get("PATH", "")))
    return _run([*protoc, *many.schemas(_COMPARED)], root, {"PATH": path}).seconds


PARTS: tuple[Part, ...] = (
    Part(group="generator", figures=(_COLD, _MEMORY, _CHANGED, _FLAT), measure=_scale),
    Part(group="generator", figures=tuple(_RATIOS.values()), measure=_plugins),
)
"""Every part of this group."""
