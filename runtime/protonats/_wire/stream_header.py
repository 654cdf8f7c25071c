"""The headers that open and end a stream: section 8 of the wire protocol."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from protonats.errors import Code, StatusError

STREAM: Final = "Pn-Stream"
END: Final = "Pn-End"

_MAX: Final = 0xFFFFFFFF
_NUMBER: Final = r"-([0-9a-fA-F]{8})"
_STREAM: Final = re.compile(rf"([01]){_NUMBER * 3}(?:-.*)?", re.DOTALL)
_INSTANCE: Final = re.compile(r"[0-9a-fA-F]{16}")
_END: Final = re.compile(r"[0-9]{1,20}")


class StreamHeader(NamedTuple):
    """What `Pn-Stream` says."""

    carried: int
    """How many messages the body holds, 0 or 1."""

    messages: int
    """How many messages the other side may send, to begin with."""

    size: int
    """How many bytes of messages the other side may send, to begin with."""

    interval: float
    """Seconds between two signs of life of this side."""


def encode(header: StreamHeader) -> str:
    """The value of `Pn-Stream`; numbers that do not fit are written as the largest that does."""
    milliseconds = max(round(header.interval * 1000), 1)
    numbers = (header.messages, header.size, milliseconds)
    return "-".join((str(header.carried), *(f"{min(number, _MAX):08x}" for number in numbers)))


def decode(value: str | None) -> StreamHeader:
    """Reads a value of `Pn-Stream`.

    Raises:
        StatusError: INVALID_ARGUMENT, for anything else, and for a header that is not there.
    """
    match = None if value is None else _STREAM.fullmatch(value)
    if match is None:
        what = "is missing: the method is a stream" if value is None else "is malformed"
        raise StatusError(Code.INVALID_ARGUMENT, f"the header {STREAM} {what}")
    messages, size, milliseconds = (int(match[index], 16) for index in (2, 3, 4))
    if milliseconds == 0:
        raise StatusError(Code.INVALID_ARGUMENT, f"the header {STREAM} is malformed: interval 0")
    return StreamHeader(int(match[1]), messages, size, milliseconds / 1000)


def is_instance(value: str) -> bool:
    """Whether a value of `Pn-Instance` can be one."""
    return _INSTANCE.fullmatch(value) is not None


def decode_end(value: str) -> int | None:
    """How many messages a side has sent, from a value of `Pn-End`; None if it is no number."""
    return int(value) if _END.fullmatch(value) else None
