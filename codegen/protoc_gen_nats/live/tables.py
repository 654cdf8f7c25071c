"""Tables for terminals and for files."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Sequence

__all__ = ["table_text"]

_BLANKS = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$", re.M)
_STYLED_BLANKS = re.compile(r"(\x1b\[[0-9;]*m) +(\x1b\[0m)(?= *$)", re.M)
_NO_WIDTH = 10_000
"""Columns for what reads a pipe: it wants whole lines."""


def table_text(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    terminal: bool | None = None,
    width: int | None = None,
) -> str:
    """A table as text, with a newline behind each line and no blanks before it.

    Args:
        headers: The titles of the columns.
        rows: The cells of each row.
        right: The titles of columns that are flush right: numbers.
        terminal: Whether it is for a terminal, where titles are bold and long cells are folded;
            by default whether standard output is one.
        width: The columns of the terminal; by default what it says.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if terminal is None:
        terminal = sys.stdout.isatty()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for header in headers:
        if header in right:
            table.add_column(header, justify="right", no_wrap=True)
        else:
            table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    buffer = io.StringIO()
    if terminal:
        console = Console(file=buffer, force_terminal=True, width=width)
    else:
        console = Console(file=buffer, width=_NO_WIDTH, no_color=True)
    console.print(table)
    text = _STYLED_BLANKS.sub(r"\1\2", buffer.getvalue())
    return _BLANKS.sub(r"\1", text)
