"""The call header: section 3 of the wire protocol."""

from __future__ import annotations

import math
import os
import re
from typing import Final, NamedTuple, Self

from protonats._wire import headers
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
_BLOCK_START: Final = f"NATS/1.0\r\n{headers.CALL}: {PROTOCOL_VERSION:02x}-"
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Trace(NamedTuple):
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


class CallHeader(NamedTuple):
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


def encode_block(call_id: str, remaining_ms: int | None, trace: Trace | None) -> bytes:
    """The header block of a call that has no other header."""
    if trace is None:
        if remaining_ms is None:
            return f"{_BLOCK_START}{call_id}-{_NO_DEADLINE}\r\n\r\n".encode()
        return b"NATS/1.0\r\nPn-Call: 01-%b-%08x\r\n\r\n" % (call_id.encode(), remaining_ms)
    trace_id, span_id, flags = trace
    remaining = _NO_DEADLINE if remaining_ms is None else f"{remaining_ms:08x}"
    return f"{_BLOCK_START}{call_id}-{remaining}-{trace_id}-{span_id}-{flags:02x}\r\n\r\n".encode()


def decode_block(block: bytes) -> CallHeader | None:
    """Reads a header block that is one call header and nothing else, as `encode_block` writes it;
    None if it is another one."""
    # Of a block of the right length, what is no digit has to stand in the right places.
    size = len(block)
    if size == _PLAIN_SIZE:
        if (
            not block.startswith(_BLOCK_BEGIN)
            or not block.endswith(_BLOCK_END)
            or block[54] != _DASH
            or block.translate(None, _DIGITS) != _PLAIN_REST
        ):
            return None
        trace = None
    elif size == _TRACED_SIZE:
        if (
            not block.startswith(_BLOCK_BEGIN)
            or not block.endswith(_BLOCK_END)
            or not block[54] == block[63] == block[96] == block[113] == _DASH
            or block.translate(None, _DIGITS) != _TRACED_REST
        ):
            return None
        trace = Trace(block[64:96].decode(), block[97:113].decode(), int(block[114:116], 16))
    else:
        return None
    remaining = block[55:63]
    remaining_ms = None if remaining == b"ffffffff" else int(remaining, 16)
    return _new(CallHeader, (block[22:54].decode(), remaining_ms, trace))


_BLOCK_BEGIN: Final = _BLOCK_START.encode()
_BLOCK_END: Final = b"\r\n\r\n"
_DIGITS: Final = b"0123456789abcdef"
_DASH: Final = ord("-")
_PLAIN: Final = encode_block("0" * 32, 0, None)
_PLAIN_SIZE: Final = len(_PLAIN)
_PLAIN_REST: Final = _PLAIN.translate(None, _DIGITS)
_TRACED: Final = encode_block("0" * 32, 0, Trace("0" * 32, "0" * 16, 0))
_TRACED_SIZE: Final = len(_TRACED)
_TRACED_REST: Final = _TRACED.translate(None, _DIGITS)

_new: Final = tuple.__new__
"""Makes a named tuple in half the time of its own constructor."""


class CallIds:
    """Makes call ids. Asking the system for each one would cost more than the rest of a header.

    An instance is for one process: a fork would make the same ids twice.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: list[str] = []

    def next(self) -> str:
        """A new call id: 128 random bits, as 32 hexadecimal digits."""
        if not self._left:
            digits = os.urandom(16 * 256).hex()
            self._left = [digits[begin : begin + 32] for begin in range(0, len(digits), 32)]
        return self._left.pop()


def milliseconds(seconds: float) -> int:
    """Seconds that remain, as they travel: rounded up, and never more than fits."""
    whole = math.ceil(seconds * 1000)
    if whole > MAX_REMAINING_MS:
        return MAX_REMAINING_MS
    return whole if whole > 0 else 0
