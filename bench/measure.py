"""What a figure is: something that is measured a few times, and what it should be."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from bench.lab import Contender, Lab

__all__ = ["RATIO", "Benchmark", "Figure", "Load", "Part", "Result", "Row"]

RATIO: Final = "×"
"""The unit of a ratio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What a figure came to."""

    name: str
    """Which figure."""

    value: float | None
    """The median of the runs; None if it could not be measured."""

    unit: str
    """The unit of all values."""

    low: float | None
    """The first quartile; the least value where there are fewer than three runs."""

    high: float | None
    """The third quartile; the greatest value where there are fewer than three runs."""

    target: float | None
    """What it should come to; None for what others come to."""

    met: bool | None
    """Whether it does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """A row, and what is told about it beside."""

    row: Row
    """The row."""

    text: str
    """What was measured, for the table."""

    bound: Literal["at most", "at least"] = "at most"
    """On which side of the target it should lie."""

    problem: str = ""
    """Why it could not be measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure to measure."""

    name: str
    """What it is called on the command line."""

    text: str
    """What is measured, for the table."""

    unit: str
    """The unit of every value: `s`, `MiB`, `×` for a ratio."""

    target: float | None = None
    """What it should come to; None where there is nothing to reach."""

    bound: Literal["at most", "at least"] = "at most"
    """On which side of the target it should lie."""

    def result(self, values: Sequence[float]) -> Result:
        """What the runs came to.

        A ratio meets its target when the quartile on the worse side does, any other figure when the
        median does.
        """
        low, value, high = _quartiles(values)
        judged = value
        if self.unit == RATIO:
            judged = high if self.bound == "at most" else low
        met = None
        if self.target is not None:
            met = judged <= self.target if self.bound == "at most" else judged >= self.target
        row = Row(
            name=self.name,
            value=round(value, 4),
            unit=self.unit,
            low=round(low, 4),
            high=round(high, 4),
            target=self.target,
            met=met,
        )
        return Result(row=row, text=self.text, bound=self.bound)

    def failed(self, problem: str) -> Result:
        """The row of a figure that could not be measured, which misses its target."""
        row = Row(
            name=self.name,
            value=None,
            unit=self.unit,
            low=None,
            high=None,
            target=self.target,
            met=None if self.target is None else False,
        )
        return Result(row=row, text=self.text, bound=self.bound, problem=problem)


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """Work of one contender, for a profiler to look at."""

    contender: Contender
    """Who works."""

    workload: str
    """The name of the workload in the peer."""

    arguments: tuple[float, ...]
    """What the workload is told."""

    before: tuple[str, *tuple[float, ...]] | None = None
    """The workload that prepares it, with what that one is told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Figures that are measured together."""

    group: str
    """What it is measured with, under one name on the command line."""

    figures: tuple[Figure, ...]
    """The figures that can be asked for by name."""

    measure: Callable[[Lab], Iterator[Result]]
    """Measures them; what others come to may be among the results."""

    load: Load | None = None
    """What a profiler looks at; None where two processes that work are not what is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """One figure that a function measures, a few times."""

    figure: Figure
    """The figure."""

    runs: int
    """How often it is measured."""

    prepare: Callable[[], AbstractContextManager[Callable[[], float]]]
    """Sets up what the runs share, and gives a function that measures once."""

    def part(self, group: str) -> Part:
        """It alone, as a part of this group."""
        return Part(group=group, figures=(self.figure,), measure=self._measure)

    def _measure(self, lab: Lab) -> Iterator[Result]:
        with self.prepare() as measure:
            values = []
            for number in range(self.runs):
                lab.progress(f"{self.figure.name}: run {number + 1} of {self.runs}")
                values.append(measure())
        yield self.figure.result(values)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 3:
        return min(values), statistics.median(values), max(values)
    low, value, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, value, high
