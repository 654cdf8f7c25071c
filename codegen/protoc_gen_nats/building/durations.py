"""`google.protobuf.Duration` options as seconds."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

__all__ = ["optional_seconds", "seconds"]


def seconds(duration: Duration) -> float:
    """A duration in seconds."""
    return duration.seconds + duration.nanos / 1e9


def optional_seconds(options: Message, field: str) -> float | None:
    """The duration in a field of a message in seconds, or None if the field is not set."""
    return seconds(getattr(options, field)) if options.HasField(field) else None
