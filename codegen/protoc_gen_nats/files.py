"""What a target produces."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GeneratedFile"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedFile:
    """One file to write."""

    path: str
    """Relative to the folder that the caller writes to, with `/` between its parts."""

    content: bytes

    scaffold: bool = False
    """Written once and never overwritten: from then on it belongs to the user."""
