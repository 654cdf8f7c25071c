"""`python -m bench`: measures, and compares with the targets; never fails for a missed one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import memory, spine
from bench.measure import Benchmark, Row, run

_LOG_WIDTH = 120

BENCHMARKS: tuple[Benchmark, ...] = (*spine.BENCHMARKS, *memory.BENCHMARKS)
"""Every figure there is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what is asked for; returns the exit code."""
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    listed = f"measure this alone, may be given again; one of {', '.join(names)}"
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=listed)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows into a file too")
    options = parser.parse_args(arguments)

    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    rows = []
    for benchmark in BENCHMARKS:
        if not options.only or benchmark.name in options.only:
            with console.status(f"{benchmark.name}: {benchmark.text}"):
                rows.append(run(benchmark))
    console.print(_table(rows))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


def _table(rows: Sequence[Row]) -> Table:
    texts = {benchmark.name: benchmark.text for benchmark in BENCHMARKS}
    table = Table(caption="median of the runs, with quartiles")
    table.add_column("figure")
    table.add_column("what")
    for heading in ("value", "low", "high", "target"):
        table.add_column(heading, justify="right")
    table.add_column("met")
    for row in rows:
        figures = [
            f"{value:.3g} {row.unit}" for value in (row.value, row.low, row.high, row.target)
        ]
        met = Text("yes", style="green") if row.met else Text("no", style="red")
        table.add_row(row.name, texts[row.name], *figures, met)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
