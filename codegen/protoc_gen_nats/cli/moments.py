"""Moments that are given on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import click

__all__ = ["moment"]

_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    """A time that is given in ISO 8601, or by how long ago it was."""
    if value is None:
        return None
    if ago := _AGO.fullmatch(value):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r}: write 2026-05-01T12:00:00Z, or how long ago: 90s, 15m, 2h, 7d"
        ) from None
    return found if found.tzinfo is not None else found.astimezone()
