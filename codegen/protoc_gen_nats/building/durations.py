"""`google.protobuf.Duration` options as seconds."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

__all__ = ["optional_seconds", "problem_of_time", "seconds"]

_CENTURY = 100 * 365.25 * 86400
_SECOND = 10**9


def seconds(duration: Duration) -> float:
    """A duration in seconds."""
    return duration.seconds + duration.nanos / _SECOND


def optional_seconds(options: Message, field: str) -> float | None:
    """The duration in a field of a message in seconds, or None if the field is not set."""
    return seconds(getattr(options, field)) if options.HasField(field) else None


def problem_of_time(duration: Duration, *, zero: bool = False) -> str:
    """What is wrong with a duration as a length of time, `is -1 s: …`, or an empty text.

    Args:
        duration: The duration; JSON and other languages refuse one whose nanos are more than a
            second or of another sign than its seconds (google/protobuf/duration.proto).
        zero: Whether it may be 0.
    """
    time = seconds(duration)
    if time < 0 or (time == 0 and not zero):
        mend = "write 0 or a time above it" if zero else "write a time above zero"
        return f"is {time:g} s: {mend}"
    if not 0 <= duration.nanos < _SECOND:
        whole, nanos = divmod(duration.seconds * _SECOND + duration.nanos, _SECOND)
        better = f"seconds: {whole}" if whole else ""
        better += f"{' ' * bool(better)}nanos: {nanos}" if nanos else ""
        return f"has {duration.nanos} nanos, and a second has {_SECOND}: write {{{better}}}"
    if time > _CENTURY:
        return f"is {time:g} s: write a time of at most 100 years"
    return ""
