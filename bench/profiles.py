"""Profiles of what is measured, as tables and as the page `docs/benchmarks/profiles.md`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from rich.table import Table

from bench.lab import Lab
from bench.measure import Part
from bench.profiling import Profile, profiled
from bench.tables import console

__all__ = ["PartProfile", "profile", "publish", "show"]

_WARM_UP: Final = 0.3
_FUNCTIONS: Final = 12
_LEAST: Final = 0.01
_IDLE: Final = 0.05
"""The share of the busiest one's samples below which a process did nothing that matters."""
_INTRODUCTION: Final = """\
# Profiles

`make bench ARGS='--profile --publish'` writes this page; with `--only NAME`, for one figure alone.
py-spy looks at our client and our server 250 times a second, while they do once what the figure
measures. The share of a function is its own: what it does itself and in C, without the functions
of Python that it calls. Time in which a process waits does not count, and one that does nothing has
no table.

The share of the kernel is what the operating system counts. That of system calls is greater, as
a process that wakes another one by writing to it may have to wait for its core meanwhile.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartProfile:
    """The profiles of one part."""

    names: tuple[str, ...]
    """Its figures."""

    processes: Sequence[Profile]
    """One for each process of ours that did something."""


def profile(lab: Lab, part: Part) -> PartProfile | None:
    """Runs what a part measures once, under the profiler; None where it has no load.

    Raises:
        WorkerError: A process failed, or the profiler may not look into it.
    """
    load, names = part.load, tuple(figure.name for figure in part.figures)
    if load is None:
        return None
    with lab.new_pair(load.contender) as pair:
        if load.before is not None:
            pair.client.run(*load.before)
        else:
            pair.client.run(load.workload, _WARM_UP)
        pids = {"client": pair.client.pid, "server": pair.server.pid}
        with profiled(lab.folder, pids) as found:
            pair.client.run(load.workload, *load.arguments)
    least = _IDLE * max(process.samples for process in found)
    busy = [process for process in found if process.samples >= least]
    return PartProfile(names=names, processes=busy)


def show(profiles: Sequence[PartProfile]) -> None:
    """Prints a table for each process."""
    out = console()
    for part in profiles:
        for process in part.processes:
            table = Table(title=f"{', '.join(part.names)}: {process.process}")
            table.add_column("share", justify="right", no_wrap=True)
            table.add_column("of")
            for name, share in _rows(process.kinds, process.system):
                table.add_row(_percent(share), name)
            table.add_section()
            for name, share in _greatest(process.functions):
                table.add_row(_percent(share), name)
            out.print(table)


def publish(profiles: Sequence[PartProfile], folder: Path) -> None:
    """Writes the page."""
    lines = [_INTRODUCTION]
    for part in profiles:
        lines += [f"## {', '.join(f'`{name}`' for name in part.names)}", ""]
        for process in part.processes:
            kinds = ", ".join(
                f"{name} {_percent(share)}" for name, share in _rows(process.kinds, process.system)
            )
            text = f"The {process.process}, {process.samples:,} samples: {kinds}."
            lines += [textwrap.fill(text, 100), "", "| share | function |", "|--:|---|"]
            lines += [
                f"| {_percent(share)} | `{name}` |" for name, share in _greatest(process.functions)
            ]
            lines += [""]
    (folder / "profiles.md").write_text("\n".join(lines), encoding="utf-8")


def _rows(kinds: Mapping[str, float], system: float) -> Iterator[tuple[str, float]]:
    yield "the kernel", system
    yield from kinds.items()


def _greatest(functions: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    yield from islice(((n, s) for n, s in functions.items() if s >= _LEAST), _FUNCTIONS)


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
