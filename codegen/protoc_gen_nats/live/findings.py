"""What a check-up finds: one line each, with what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Finding", "Level", "fail", "ok", "skip", "warn"]


class Level(enum.StrEnum):
    """How good or bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, and is probably not meant."""

    FAIL = "fail"
    SKIP = "skip"
    """It could not be looked at, or there is nothing to look at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    text: str
    advice: str = ""
    """What to do about it."""


def ok(text: str) -> Finding:
    """It is as it should be."""
    return Finding(level=Level.OK, text=text)


def warn(text: str, advice: str) -> Finding:
    """It works, and is probably not meant."""
    return Finding(level=Level.WARN, text=text, advice=advice)


def fail(text: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(level=Level.FAIL, text=text, advice=advice)


def skip(text: str, advice: str = "") -> Finding:
    """It was not looked at."""
    return Finding(level=Level.SKIP, text=text, advice=advice)
