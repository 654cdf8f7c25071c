"""What a person, or a program, sees of a run."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Literal, Self

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from servers import Servers
from status import Row
from tour import Step

__all__ = [
    "Display",
    "JsonDisplay",
    "LineDisplay",
    "LiveDisplay",
    "View",
    "fitted",
    "progress",
    "table",
]

_LOG_WIDTH = 120
_COLOURS = {"serving": "green", "unimplemented": "dim", "restarting": "red", "starting": "yellow"}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Everything there is to see at one moment."""

    servers: Servers
    """Where NATS and Redis are."""

    rows: Sequence[Row]
    """The services."""

    steps: Sequence[Step]
    """The steps of the tour so far."""

    seconds: float
    """Since the start of the run."""

    toured: bool
    """Whether the tour is over."""


class Display(ABC):
    """Shows a run; closed at its end."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Something happened, in one line."""

    def detail(self, text: str) -> None:
        """Something happened that a progress display shows anyway."""
        self.note(text)

    @abstractmethod
    def step(self, step: Step) -> None:
        """A step of the tour was taken."""

    @abstractmethod
    def refresh(self, view: View) -> None:
        """Some time has passed."""

    @abstractmethod
    def result(self, view: View) -> None:
        """The tour is over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


class LineDisplay(Display):
    """Lines for a log file: what happens, and the table after the tour."""

    def __init__(self) -> None:
        self._console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def step(self, step: Step) -> None:
        self._console.print(_step_line(step), soft_wrap=True)

    def refresh(self, view: View) -> None:
        return None

    def result(self, view: View) -> None:
        self._console.print(table(view, console=self._console))


class LiveDisplay(LineDisplay):
    """A terminal: a bar while services start, then a table that stays up to date."""

    def __init__(self) -> None:
        super().__init__()
        self._live = Live(console=self._console, auto_refresh=False)
        self._latest: View | None = None

    def detail(self, text: str) -> None:
        return None

    def refresh(self, view: View) -> None:
        self._latest = view
        show = fitted if view.toured else progress
        self._live.update(show(view, self._console), refresh=True)

    def result(self, view: View) -> None:
        self.refresh(view)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What stays on the screen may scroll, so it is whole.
        if self._latest is not None and self._latest.toured:
            self._live.update(table(self._latest, console=self._console))
        self._live.stop()


class JsonDisplay(Display):
    """For programs: a JSON object a line on standard output, the first after the tour; notes on
    standard error."""

    def __init__(self) -> None:
        self._toured = False

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def step(self, step: Step) -> None:
        self.note(_step_line(step).plain)

    def refresh(self, view: View) -> None:
        if self._toured:
            print(json.dumps(asdict(view)), flush=True)

    def result(self, view: View) -> None:
        self._toured = True
        self.refresh(view)


def _step_line(step: Step) -> Text:
    mark, colour = ("ok  ", "green") if step.passed else ("FAIL", "red")
    return Text.assemble((mark, colour), f" {step.name}: {step.text} ({step.seconds:.1f} s)")


def progress(view: View, console: Console) -> RenderableType:
    """How many services serve, and which of them are waited for."""
    serving = sum(row.instances for row in view.rows)
    waiting = [row.service for row in view.rows if not row.instances]
    text = f"{serving} of {len(view.rows)} services serve"
    if waiting:
        more = " ..." if console.options.ascii_only else " …"
        text += f", waiting for {', '.join(waiting[:3])}{more if waiting[3:] else ''}"
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total=len(view.rows), completed=serving, width=40), text)
    return grid


def fitted(view: View, console: Console) -> RenderableType:
    """The table; where the console is too low for it, the rows that matter most, and how many more
    there are."""
    whole = table(view, console=console)
    if _excess(whole, console) <= 0:
        return whole
    compact = table(view, console=console, edges=False)
    excess = _excess(compact, console)
    if excess <= 0:
        return compact
    ordered = sorted(view.rows, key=_urgency)
    # A table of fewer rows may be narrower, and its title then takes one line more.
    for kept in range(max(0, len(ordered) - excess - 1), 0, -1):
        shown = table(replace(view, rows=ordered[:kept]), console=console, edges=False)
        part = Group(shown, _more(ordered[kept:]))
        if _excess(part, console) <= 0:
            return part
    return _more(ordered)


def _excess(shown: RenderableType, console: Console) -> int:
    """How many lines are too many."""
    return len(console.render_lines(shown)) - console.height


def _urgency(row: Row) -> int:
    if row.state == "restarting":
        return 0
    if row.failed:
        return 1
    return 3 if row.state == "unimplemented" else 2


def _more(rows: Sequence[Row]) -> Text:
    states = Counter(row.state for row in rows)
    if len(states) == 1:
        text = f"all {rows[0].state}"
    else:
        text = ", ".join(f"{count} {state}" for state, count in states.items())
    return Text(f"+ {len(rows)} more, {text}", no_wrap=True, overflow="crop")


def table(view: View, *, console: Console, edges: bool = True) -> Table:
    """The services, and how they do.

    Args:
        view: What there is to see.
        console: Where it is shown.
        edges: Whether there is a blank line above and below.
    """
    servers = view.servers
    title = f"NATS {servers.nats_url}   Redis {servers.redis_url}"
    shown = Table(title=title, box=SIMPLE, padding=0, show_edge=edges)
    # In a narrow terminal words are cut, and figures are not.
    cut: Literal["crop", "ellipsis"] = "crop" if console.options.ascii_only else "ellipsis"
    shown.add_column("service", overflow=cut)
    shown.add_column("state", overflow=cut)
    for name in ("instances", "calls", "failed", "p50\nms", "p99\nms", "restarts"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in view.rows:
        shown.add_row(
            row.service,
            Text(row.state, style=_COLOURS.get(row.state, "")),
            str(row.instances),
            f"{row.calls:,}",
            str(row.failed),
            _figure(row.p50_ms),
            _figure(row.p99_ms),
            str(row.restarts),
        )
    return shown


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
