"""Frames: what travels on an open stream, section 8 of the wire protocol."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

DATA: Final = 1
PART: Final = 2
CREDIT: Final = 3
KEEPALIVE: Final = 4

DATA_OVERHEAD: Final = 13
"""Bytes of a DATA frame with one message beside the message."""

PART_OVERHEAD: Final = 17
"""Bytes of a PART frame beside the part."""

LENGTH_SIZE: Final = 4
"""Bytes that tell the length of a message in a DATA frame."""

KEEPALIVE_FRAME: Final = bytes((KEEPALIVE,))

_HEAD: Final = struct.Struct(">BQ")
_LENGTH: Final = struct.Struct(">I")
_PART: Final = struct.Struct(">BQII")
_CREDIT: Final = struct.Struct(">BQQ")

_length = _LENGTH.pack
_length_at = _LENGTH.unpack_from


class MalformedFrame(ValueError):
    """A frame that is cut short, or says what cannot be; the text says what is wrong with it."""


def data(first: int, messages: Sequence[bytes]) -> bytes:
    """A DATA frame with messages, of which the first has the number `first`."""
    parts = [_HEAD.pack(DATA, first)]
    for message in messages:
        parts += (_length(len(message)), message)
    return b"".join(parts)


def part(number: int, total: int, offset: int, content: bytes | memoryview) -> bytes:
    """A PART frame: what stands at `offset` in message `number`, which is `total` bytes long."""
    return b"".join((_PART.pack(PART, number, total, offset), content))


def credit(messages: int, size: int) -> bytes:
    """A CREDIT frame: messages, and bytes of them, that may be sent in all."""
    return _CREDIT.pack(CREDIT, messages, size)


def read_data(frame: bytes) -> tuple[int, list[bytes]]:
    """The number of the first message of a DATA frame, and all its messages.

    Raises:
        MalformedFrame: It is cut short, or holds no message.
    """
    end = len(frame)
    if end < DATA_OVERHEAD:
        raise MalformedFrame("a DATA frame is cut short")
    messages: list[bytes] = []
    append = messages.append
    position = _HEAD.size
    try:
        while position < end:
            start = position + LENGTH_SIZE
            position = start + _length_at(frame, position)[0]
            append(frame[start:position])
    except struct.error:
        position = -1
    if position != end:
        raise MalformedFrame("a DATA frame is cut short")
    return _HEAD.unpack_from(frame)[1], messages


def read_part(frame: bytes) -> tuple[int, int, int, bytes]:
    """Number and whole length of the message of a PART frame, where in it the part begins, and the
    part.

    Raises:
        MalformedFrame: It is cut short, empty, or goes beyond the message's length.
    """
    if len(frame) <= PART_OVERHEAD:
        raise MalformedFrame("a PART frame is cut short")
    _, number, total, offset = _PART.unpack_from(frame)
    content = frame[PART_OVERHEAD:]
    if offset + len(content) > total:
        raise MalformedFrame("a PART frame goes beyond the length of its message")
    return number, total, offset, content


def read_credit(frame: bytes) -> tuple[int, int]:
    """Messages and bytes that a CREDIT frame grants.

    Raises:
        MalformedFrame: It has another length than such a frame.
    """
    if len(frame) != _CREDIT.size:
        raise MalformedFrame("a CREDIT frame has the wrong length")
    _, messages, size = _CREDIT.unpack(frame)
    return messages, size
