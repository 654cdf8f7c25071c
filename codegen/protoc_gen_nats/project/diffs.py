"""Differences of files as people read them, and `patch` does."""

from __future__ import annotations

import difflib

__all__ = ["unified"]


def unified(path: str, old: bytes, new: bytes) -> str:
    """A unified diff; a file that is not there is empty."""
    return "".join(
        difflib.unified_diff(
            _lines(old),
            _lines(new),
            fromfile=path if old else "/dev/null",
            tofile=path if new else "/dev/null",
        )
    )


def _lines(content: bytes) -> list[str]:
    *lines, rest = content.decode(errors="replace").split("\n")
    last = [f"{rest}\n\\ No newline at end of file\n"] if rest else []
    return [*(f"{line}\n" for line in lines), *last]
