"""What `make up` shows in terminals of different widths."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

LOCAL = Path(__file__).resolve().parents[2] / "infra" / "local"


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, found as the program finds it."""
    monkeypatch.setattr(sys, "path", [str(LOCAL), *sys.path])
    import display

    return display


@pytest.mark.parametrize("width", [60, 80, 120])
def test_figures_are_whole_in_a_narrow_terminal(display: ModuleType, width: int) -> None:
    from servers import Servers
    from status import Row

    row = Row(
        service="environmental_narrative",
        state="unimplemented",
        instances=1,
        calls=12345,
        failed=67,
        p50_ms=1.234,
        p99_ms=98.76,
        restarts=89,
        pid=1,
    )
    servers = Servers(nats_url="nats://127.0.0.1:4222", redis_url="redis://127.0.0.1:6379")
    view = display.View(servers=servers, rows=[row], steps=(), seconds=1.0, toured=True)
    out = StringIO()

    Console(file=out, width=width).print(display.table(view))

    (line,) = (line for line in out.getvalue().splitlines() if "envi" in line)
    assert line.split()[-6:] == ["1", "12,345", "67", "1.23", "98.76", "89"]
    assert "unim" in line
