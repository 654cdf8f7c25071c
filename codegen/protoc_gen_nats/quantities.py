"""Durations and sizes as people write them: `500ms`, `30s`, `90d`, `512 KiB`."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["bytes_of", "duration_text", "seconds_of", "size_text"]

_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def seconds_of(text: str) -> float:
    """The seconds of a duration that fits the manifest's schema."""
    return _quantity(text, _DURATION_UNITS)


def bytes_of(text: str) -> int:
    """The bytes of a size that fits the manifest's schema."""
    return int(_quantity(text, _SIZE_UNITS))


def duration_text(seconds: float) -> str:
    """Seconds as the manifest has them: `7d`, `90s`."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{seconds:g}s"


def size_text(count: float) -> str:
    """Bytes in the unit that fits."""
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= length:
            return f"{count / length:.3g} {unit}"
    return f"{count} B"


def _quantity(text: str, units: Mapping[str, float]) -> float:
    """A number with its unit behind it, in the unit that is 1."""
    unit = text.strip("0123456789 \n")
    return int(text.replace(unit, "")) * units[unit]
