"""What a figure is: something that is measured a few times, and what it should be."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

__all__ = ["Benchmark", "Row", "run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """One figure to measure."""

    name: str
    """What it is called on the command line."""

    text: str
    """What is measured, for the table."""

    unit: str
    """The unit of every value: `s`, `MiB`."""

    target: float
    """What the median should not exceed."""

    runs: int
    """How often it is measured."""

    prepare: Callable[[], AbstractContextManager[Callable[[], float]]]
    """Sets up what the runs share, and gives a function that measures once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What a figure came to."""

    name: str
    """Which figure."""

    value: float
    """The median of the runs."""

    unit: str
    """The unit of all values."""

    low: float
    """The first quartile; the least value where there are fewer than three runs."""

    high: float
    """The third quartile; the greatest value where there are fewer than three runs."""

    target: float
    """What the median should not exceed."""

    met: bool
    """Whether it does not."""


def run(benchmark: Benchmark) -> Row:
    """Measures a figure."""
    with benchmark.prepare() as measure:
        values = [measure() for _ in range(benchmark.runs)]
    low, value, high = _quartiles(values)
    return Row(
        name=benchmark.name,
        value=round(value, 4),
        unit=benchmark.unit,
        low=round(low, 4),
        high=round(high, 4),
        target=benchmark.target,
        met=value <= benchmark.target,
    )


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 3:
        return min(values), statistics.median(values), max(values)
    low, value, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, value, high
