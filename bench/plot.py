"""The figures as a plot."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot

from bench.generator import PLUGINS, SCALE
from bench.measure import Result
from bench.tables import contenders, number

__all__ = ["draw", "draw_generator"]

_INK: Final = "#1f2933"
_FAINT: Final = "#9aa5b1"
_GRID: Final = "#e4e7eb"
_OURS: Final = "#0b7285"
_OTHER: Final = "#bcccdc"
_MISSED: Final = "#c92a2a"
_PROCESSES: Final = {"client": "#0b7285", "server": "#74b3c0", "broker": "#d5dde5"}
_STYLE: Final = {
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text: small, and can be searched
    "svg.hashsalt": "protonats",
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _INK,
    "ytick.major.size": 0,
}


def draw(results: Sequence[Result], files: Sequence[Path]) -> None:
    """Draws throughput and processor time of unary calls, and every figure beside its target."""
    judged = [result for result in results if result.row.target is not None]
    calls = {who: of for (what, who), of in contenders(results).items() if what == "unary"}
    height = max(5.0, 1.2 + 0.3 * len(judged))
    with pyplot.rc_context(_STYLE):
        figure = pyplot.figure(figsize=(12, height), layout="constrained")
        left, right = figure.add_gridspec(1, 2, width_ratios=(2, 3), wspace=0.06)
        upper, lower = left.subgridspec(2, 1, hspace=0.12)
        _throughput(figure.add_subplot(upper), calls)
        _processor_time(figure.add_subplot(lower), calls)
        _targets(figure.add_subplot(right), judged)
        for file in files:
            metadata = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=150, metadata=metadata)
        pyplot.close(figure)


def draw_generator(results: Sequence[Result], files: Sequence[Path]) -> None:
    """Draws the time of the generator for each service by size, and beside other plugins."""
    by_size: dict[int, Result] = {}
    plugins: dict[str, Result] = {}
    for (what, who), of in contenders(results).items():
        if what == SCALE:
            by_size[int(who.split()[0].replace(",", ""))] = of[""]
        elif what == PLUGINS:
            plugins[who] = of[""]
    with pyplot.rc_context(_STYLE):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
        _by_size(left, by_size)
        _plugins(right, plugins)
        for file in files:
            metadata = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=150, metadata=metadata)
        pyplot.close(figure)


def _by_size(axes: Any, by_size: Mapping[int, Result]) -> None:
    axes.set_title("protonats generate, nothing kept: ms for each service")
    sizes = sorted(by_size)
    values = [by_size[size].row.value or 0.0 for size in sizes]
    axes.plot(sizes, values, "o-", color=_OURS)
    for size, value in zip(sizes, values, strict=True):
        axes.annotate(
            number(value), (size, value), xytext=(0, 7), textcoords="offset points", ha="center"
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("services")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.2)
    axes.grid(axis="y", color=_GRID)


def _plugins(axes: Any, plugins: Mapping[str, Result]) -> None:
    axes.set_title("protoc with a plugin, 100 services: seconds")
    order = sorted(plugins, key=lambda who: -(plugins[who].row.value or 0.0))
    values = [plugins[who].row.value or 0.0 for who in order]
    colours = [_OURS if who == "protonats" else _OTHER for who in order]
    bars = axes.barh(order, values, color=colours, height=0.62)
    axes.bar_label(bars, [number(value) for value in values], padding=4)
    axes.margins(x=0.16)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)


def _throughput(axes: Any, calls: Mapping[str, Mapping[str, Result]]) -> None:
    axes.set_title("Unary calls a second, 150 bytes, 64 in flight")
    rates = {who: of[""].row.value or 0.0 for who, of in calls.items() if "" in of}
    order = sorted(rates, key=lambda who: rates[who])
    colours = [_OURS if who == "protonats" else _OTHER for who in order]
    bars = axes.barh(order, [rates[who] for who in order], color=colours, height=0.62)
    axes.bar_label(bars, [number(rates[who]) for who in order], padding=4)
    axes.margins(x=0.16)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)


def _processor_time(axes: Any, calls: Mapping[str, Mapping[str, Result]]) -> None:
    axes.set_title("Processor time for each call, µs")
    times = {
        who: [of[process].row.value or 0.0 if process in of else 0.0 for process in _PROCESSES]
        for who, of in calls.items()
    }
    order = sorted(times, key=lambda who: -sum(times[who]))
    offsets = [0.0] * len(order)
    bars = None
    for index, (process, colour) in enumerate(_PROCESSES.items()):
        widths = [times[who][index] for who in order]
        bars = axes.barh(order, widths, left=offsets, color=colour, height=0.62, label=process)
        offsets = [offset + width for offset, width in zip(offsets, widths, strict=True)]
    if bars is not None:
        axes.bar_label(bars, [number(total) for total in offsets], padding=4)
    axes.margins(x=0.16)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.legend(frameon=False, loc="upper right")


def _targets(axes: Any, judged: Sequence[Result]) -> None:
    """Each figure as a share of its target, turned so that right of the line is met."""
    axes.set_title("Figures beside their targets (to the right of the line: met)")
    labels = []
    for place, result in enumerate(reversed(judged)):
        row = result.row
        sign = "≤" if result.bound == "at most" else "≥"
        labels.append(f"{row.name}  {sign} {number(row.target)}")
        if row.value is None or row.low is None or row.high is None:
            axes.text(1.0, place, " not measured", va="center", color=_FAINT)
            continue
        assert row.target is not None
        shares = [
            row.target / value if result.bound == "at most" else value / row.target
            for value in (row.low, row.value, row.high)
            if value
        ]
        if len(shares) < 3:
            continue
        colour = _OURS if row.met else _MISSED
        axes.plot([min(shares), max(shares)], [place, place], color=colour, alpha=0.45, linewidth=3)
        axes.plot(shares[1], place, "o", color=colour, markersize=6)
        axes.annotate(
            f"{number(row.value)} {row.unit}",
            (max(shares), place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(-0.8, len(labels) - 0.2)
    axes.set_xscale("log")
    axes.axvline(1.0, color=_INK, linewidth=1)
    axes.grid(axis="x", color=_GRID, which="major")
    axes.set_axisbelow(True)
    axes.margins(x=0.2)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10) if _within(axes, tick)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.spines["left"].set_visible(False)


def _within(axes: Any, tick: float) -> bool:
    low, high = axes.get_xlim()
    return bool(low <= tick <= high)
