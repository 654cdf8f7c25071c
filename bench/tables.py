"""The results as tables in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.measure import Result, Row

__all__ = ["console", "contenders", "number", "show", "split"]

_LOG_WIDTH = 140
_ENCRYPTED = "tls-"
_PROCESSES = ("client", "server", "broker")


def console() -> Console:
    """Where tables are printed: standard output, of one width where that is no terminal."""
    return Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)


def show(results: Sequence[Result]) -> None:
    """Prints the figures with their targets, and then what each contender came to."""
    out = console()
    for some in split(results):
        if figures := [result for result in some if ":" not in result.row.name]:
            out.print(_figures(figures))
        if absolute := contenders(some):
            out.print(_contenders(absolute))
    problems: dict[str, list[str]] = {}
    for result in results:
        if result.problem:
            problems.setdefault(result.problem, []).append(result.row.name)
    for problem, names in problems.items():
        out.print(f"{', '.join(names)}: {problem}", style="red", markup=False)


def split(results: Sequence[Result]) -> tuple[Sequence[Result], Sequence[Result]]:
    """The results without encryption, and those with it."""
    encrypted = [result for result in results if result.row.name.startswith(_ENCRYPTED)]
    return [result for result in results if result not in encrypted], encrypted


def contenders(results: Sequence[Result]) -> Mapping[tuple[str, str], Mapping[str, Result]]:
    """What each contender came to, by workload and contender: "" is the rate or time, and each
    process's name its processor time."""
    found: dict[tuple[str, str], dict[str, Result]] = {}
    for result in results:
        workload, colon, rest = result.row.name.partition(":")
        if colon and result.row.value is not None:
            contender, _, process = rest.partition(":")
            found.setdefault((workload, contender), {})[process] = result
    return found


def number(value: float | None) -> str:
    """A value with three digits that count, and thousands apart."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _figures(results: Sequence[Result]) -> Table:
    table = Table(caption="median of the runs, with quartiles")
    table.add_column("figure", no_wrap=True)
    table.add_column("what")
    for heading in ("value", "low", "high", "target"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("met")
    for result in results:
        row = result.row
        values = [_with_unit(value, row) for value in (row.value, row.low, row.high)]
        sign = "≤" if result.bound == "at most" else "≥"
        target = "" if row.target is None else f"{sign} {_with_unit(row.target, row)}"
        met = Text("")
        if row.met is not None:
            met = Text("yes", style="green") if row.met else Text("no", style="red")
        table.add_row(row.name, result.text, *values, target, met)
    return table


def _contenders(absolute: Mapping[tuple[str, str], Mapping[str, Result]]) -> Table:
    table = Table(caption="processor time in µs for each call or message")
    table.add_column("workload", no_wrap=True)
    table.add_column("who", no_wrap=True)
    for heading in ("value", *_PROCESSES):
        table.add_column(heading, justify="right", no_wrap=True)
    before = ""
    for (workload, contender), processes in absolute.items():
        if before and workload != before:
            table.add_section()
        shown, before = ("" if workload == before else workload), workload
        value = _with_unit(processes[""].row.value, processes[""].row) if "" in processes else ""
        times = [number(processes[p].row.value) if p in processes else "" for p in _PROCESSES]
        table.add_row(shown, contender, value, *times)
    return table


def _with_unit(value: float | None, row: Row) -> str:
    return number(value) if value is None else f"{number(value)} {row.unit}"
