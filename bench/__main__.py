"""`python -m bench`: measures, and compares with the targets; never fails for a missed one."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench import (
    cached,
    calls,
    events,
    generator,
    large,
    memory,
    page,
    payload,
    profiles,
    spine,
    streams,
    tables,
)
from bench.lab import Lab
from bench.measure import Part, Result
from bench.processes import WorkerError
from bench.workspace import ROOT

_CORES = 2
_PAGE = ROOT / "docs" / "benchmarks"

PARTS: tuple[Part, ...] = (
    *calls.PARTS,
    *streams.PARTS,
    *large.PARTS,
    *events.PARTS,
    *calls.ENCRYPTED,
    *streams.ENCRYPTED,
    *events.ENCRYPTED,
    *cached.PARTS,
    *payload.PARTS,
    *spine.PARTS,
    *generator.PARTS,
    *memory.PARTS,
)
"""Everything that can be measured, in this order."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what is asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    names = list(dict.fromkeys(name for part in PARTS for name in _names(part)))
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help="measure this group or figure alone, may be given again; one of " + ", ".join(names),
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows into a file too")
    parser.add_argument(
        "--publish", action="store_true", help=f"write the page in {_PAGE.relative_to(ROOT)}/ too"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="do once what is measured, under a profiler, and show what takes the time",
    )
    options = parser.parse_args(arguments)
    # It warns of the way in which nats-py ends a connection with TLS.
    logging.getLogger("asyncio").setLevel(logging.ERROR)

    chosen = [part for part in PARTS if not options.only or set(options.only) & {*_names(part)}]
    if options.profile:
        try:
            found = profile(chosen, only=bool(options.only))
        except WorkerError as error:
            print(f"make bench: {error}", file=sys.stderr)
            return 1
        profiles.show(found)
        if options.publish:
            profiles.publish(found, _PAGE)
        return 0
    began = time.monotonic()
    results = measure(chosen)
    seconds = time.monotonic() - began
    tables.show(results)
    print(f"measured in {page.minutes(seconds)}")
    if options.json is not None:
        rows = [asdict(result.row) for result in results]
        options.json.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    if options.publish:
        page.publish(results, _PAGE, seconds=seconds)
    return 0


def measure(parts: Sequence[Part]) -> list[Result]:
    """Measures one part after the other; a part that fails fails its own figures alone."""
    results: list[Result] = []
    with _progress() as progress, _two_cores(), Lab(progress) as lab:
        for number, part in enumerate(parts):
            progress(", ".join(figure.name for figure in part.figures))
            try:
                results += part.measure(lab)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
                results += [figure.failed(problem) for figure in part.figures]
            if number + 1 == len(parts) or parts[number + 1].group != part.group:
                lab.end_pairs()
    return results


def profile(parts: Sequence[Part], *, only: bool) -> list[profiles.PartProfile]:
    """Profiles one part after the other, and says of which there is no profile, where `only` some
    were asked for; raises WorkerError where the profiler may not look."""
    found = []
    with _progress() as progress, _two_cores(), Lab(progress) as lab:
        for part in parts:
            progress(", ".join(figure.name for figure in part.figures))
            if (one := profiles.profile(lab, part)) is not None:
                found.append(one)
            elif only:
                print(f"{part.figures[0].name}: no work of two processes, so there is no profile")
    return found


def _names(part: Part) -> tuple[str, ...]:
    return (part.group, *(figure.name for figure in part.figures))


@contextmanager
def _two_cores() -> Iterator[None]:
    """Binds this process, and all that it starts, to two processor cores."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:_CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Shows on standard error what is being measured."""
    console = Console(stderr=True)
    began = time.monotonic()
    if not console.is_terminal:
        said = ""

        def say(text: str) -> None:
            nonlocal said
            if (part := text.partition(":")[0]) != said:
                said = part
                print(f"{time.monotonic() - began:6.0f} s  {part}", file=sys.stderr, flush=True)

        yield say
        return
    with console.status("") as status:
        yield status.update


if __name__ == "__main__":
    raise SystemExit(main())
