"""Numbers as servers write them."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_DIGITS", "number"]

MAX_DIGITS: Final = 20
"""Of a number of 64 bits."""


def number(text: str) -> int | None:
    """The number that a text is; None for anything else. Python itself takes digits of all scripts,
    and raises for thousands of them."""
    return int(text) if len(text) <= MAX_DIGITS and text.isascii() and text.isdecimal() else None
