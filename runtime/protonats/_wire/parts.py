"""Messages in parts: section 9 of the wire protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protonats._wire import headers
from protonats.errors import Code, StatusError

PART: Final = "Pn-Part"
FETCH: Final = "Pn-Fetch"
INSTANCE: Final = "Pn-Instance"

MAX_TOTAL: Final = 0xFFFFFFFF
WINDOW: Final = 4 * 1024 * 1024
"""Bytes of one message that may be under way at once."""

_LARGEST: Final = 1024 * 1024
_SLACK: Final = 512

_PART: Final = re.compile(r"([0-9a-fA-F]{8})-([0-9a-fA-F]{8})")
_FETCH: Final = re.compile(r"[0-9a-fA-F]{8}")


@dataclass(frozen=True, slots=True)
class Part:
    """What `Pn-Part` says."""

    total: int
    """Bytes of the whole message."""

    offset: int
    """Where in it the body begins; in an answer to a part, how much is there."""


def encode_part(total: int, offset: int) -> str:
    """The value of `Pn-Part`."""
    return f"{total:08x}-{offset:08x}"


def decode_part(value: str) -> Part:
    """Reads a value of `Pn-Part`.

    Raises:
        StatusError: INVALID_ARGUMENT, for anything else.
    """
    match = _PART.fullmatch(value)
    if match is None:
        raise StatusError(Code.INVALID_ARGUMENT, f"the header {PART} is malformed")
    return Part(int(match[1], 16), int(match[2], 16))


def encode_fetch(offset: int) -> str:
    """The value of `Pn-Fetch`."""
    return f"{offset:08x}"


def decode_fetch(value: str) -> int:
    """Reads a value of `Pn-Fetch`.

    Raises:
        StatusError: INVALID_ARGUMENT, for anything else.
    """
    if _FETCH.fullmatch(value) is None:
        raise StatusError(Code.INVALID_ARGUMENT, f"the header {FETCH} is malformed")
    return int(value, 16)


def room(max_payload: int, lines: Mapping[str, str]) -> int:
    """How many bytes of a message go into one NATS message with these header lines, 1 or more."""
    slack = min(_SLACK, max_payload // 8)
    return max(1, min(_LARGEST, max_payload - headers.size(lines) - slack))


def check_total(total: int, limit: int, what: str) -> None:
    """Checks the length of a message before it is sent, or accepted.

    Raises:
        StatusError: RESOURCE_EXHAUSTED, it is longer than `limit`.
    """
    if total > limit:
        raise StatusError(
            Code.RESOURCE_EXHAUSTED,
            f"{what} has {total} bytes, and {limit} are allowed: raise max_message_size on both"
            " sides, or send it as a stream",
        )
