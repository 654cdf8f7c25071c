"""The call header: section 3 of the wire protocol."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Self

from protonats.errors import Code, StatusError

PROTOCOL_VERSION: Final = 1
MAX_REMAINING_MS: Final = 0xFFFFFFFE
_NO_DEADLINE: Final = "ffffffff"

_VERSION: Final = re.compile(r"([0-9a-fA-F]{2})-")
_CALL: Final = re.compile(
    r"01-([0-9a-fA-F]{32})-([0-9a-fA-F]{8})"
    r"(?:-([0-9a-fA-F]{32})-([0-9a-fA-F]{16})-([0-9a-fA-F]{2})(?:-.*)?)?",
    re.DOTALL,
)
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Trace:
    """A W3C trace context."""

    trace_id: str
    """32 hexadecimal digits."""

    span_id: str
    """The caller's span, 16 hexadecimal digits."""

    flags: int
    """Trace flags, 0 to 255."""

    @property
    def traceparent(self) -> str:
        """The context as the header `traceparent` has it."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @classmethod
    def parse(cls, traceparent: str) -> Self | None:
        """Reads a `traceparent` of version 00; None if it is not one."""
        match = _TRACEPARENT.fullmatch(traceparent)
        if match is None:
            return None
        return cls(match[1], match[2], int(match[3], 16))


@dataclass(frozen=True, slots=True)
class CallHeader:
    """What `Pn-Call` says."""

    call_id: str
    """128 random bits, as 32 hexadecimal digits."""

    remaining_ms: int | None
    """How long the caller still waits, in milliseconds; None: there is no deadline."""

    trace: Trace | None = None
    """The caller's trace context."""


def encode(header: CallHeader) -> str:
    """The value of `Pn-Call`."""
    remaining = _NO_DEADLINE if header.remaining_ms is None else f"{header.remaining_ms:08x}"
    value = f"{PROTOCOL_VERSION:02x}-{header.call_id}-{remaining}"
    if header.trace is None:
        return value
    trace = header.trace
    return f"{value}-{trace.trace_id}-{trace.span_id}-{trace.flags:02x}"


def decode(value: str) -> CallHeader:
    """Reads a value of `Pn-Call`.

    Raises:
        StatusError: UNIMPLEMENTED for a later version of the protocol, INVALID_ARGUMENT for
            anything that is not a call header.
    """
    match = _CALL.fullmatch(value)
    if match is None:
        version = _VERSION.match(value)
        if version is not None and int(version[1], 16) > PROTOCOL_VERSION:
            raise StatusError(
                Code.UNIMPLEMENTED,
                f"protocol version {int(version[1], 16)} is not served: this instance speaks"
                f" version {PROTOCOL_VERSION}",
            )
        raise StatusError(Code.INVALID_ARGUMENT, "the header Pn-Call is malformed")
    call_id, remaining, trace_id, span_id, flags = match.groups()
    trace = None
    if trace_id is not None:
        trace = Trace(trace_id.lower(), span_id.lower(), int(flags, 16))
    remaining_ms = None if remaining.lower() == _NO_DEADLINE else int(remaining, 16)
    return CallHeader(call_id.lower(), remaining_ms, trace)


def milliseconds(seconds: float) -> int:
    """Seconds that remain, as they travel: rounded up, and never more than fits."""
    return min(max(math.ceil(seconds * 1000), 0), MAX_REMAINING_MS)
