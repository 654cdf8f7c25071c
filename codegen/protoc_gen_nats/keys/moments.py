"""Moments as they are kept beside keys, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["moment_of", "moment_text", "when"]


def moment_text(moment: datetime) -> str:
    """A moment as it is kept: `2026-03-01T09:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str | None) -> datetime | None:
    """The moment of such a text; None where there is none."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def when(moment: datetime | None) -> str:
    """A moment for people, to the minute: `2026-03-01 09:30`; a dash where it is not known."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else "–"
