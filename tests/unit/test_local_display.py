"""What `make up` shows in terminals of different sizes and encodings."""

from __future__ import annotations

import re
import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

LOCAL = Path(__file__).resolve().parents[2] / "infra" / "local"


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, found as the program finds it."""
    monkeypatch.setattr(sys, "path", [str(LOCAL), *sys.path])
    import display

    return display


def view_of(display: ModuleType, *rows: dict[str, Any]) -> Any:
    from servers import Servers
    from status import Row

    usual = {
        "state": "unimplemented",
        "instances": 1,
        "calls": 12345,
        "failed": 0,
        "p50_ms": 1.234,
        "p99_ms": 98.76,
        "restarts": 89,
        "pid": 1,
    }
    servers = Servers(
        nats_url="nats://127.0.0.1:4222",
        redis_url="redis://127.0.0.1:6379",
        nats_pid=2,
        redis_pid=3,
    )
    shown = [Row(**{**usual, "service": f"s{n}", **row}) for n, row in enumerate(rows)]
    return display.View(servers=servers, rows=shown, steps=(), seconds=1.0, toured=True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_figures_are_whole_in_a_narrow_terminal(display: ModuleType, width: int) -> None:
    view = view_of(display, {"service": "environmental_narrative", "failed": 67})
    out = StringIO()
    console = Console(file=out, width=width)

    console.print(display.table(view, console=console))

    (line,) = (line for line in out.getvalue().splitlines() if "envi" in line)
    assert line.split()[-6:] == ["1", "12,345", "67", "1.23", "98.76", "89"]
    assert "unim" in line


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("height", [5, 10, 24, 26, 40])
def test_a_low_terminal_shows_what_matters_and_says_what_it_leaves_out(
    display: ModuleType, width: int, height: int
) -> None:
    rows: list[dict[str, Any]] = [{} for _ in range(22)]
    rows[19] = {"state": "serving"}
    rows[20] = {"failed": 1}
    rows[21] = {"state": "restarting"}
    out = StringIO()
    console = Console(file=out, width=width, height=height)

    console.print(display.fitted(view_of(display, *rows), console))

    lines = out.getvalue().splitlines()
    services = re.findall(r"^ *s(\d+) ", out.getvalue(), re.MULTILINE)
    assert len(lines) <= height
    if hidden := 22 - len(services):
        assert lines[-1].startswith(f"+ {hidden} more, ")
        assert services[:3] == ["21", "20", "19"][: len(services)]
        assert hidden > 19 or lines[-1].endswith("all unimplemented")
    else:
        assert services == [str(number) for number in range(22)]


def test_a_terminal_that_is_not_utf_8_shows_everything(display: ModuleType) -> None:
    rows = [{"service": "environmental_narrative", "instances": 0} for _ in range(4)]
    view = view_of(display, *rows)
    out = TextIOWrapper(BytesIO(), encoding="ascii")
    console = Console(file=out, width=50, height=24)

    console.print(display.progress(view, console))
    console.print(display.table(view, console=console))
    console.print(display.fitted(view, console))
