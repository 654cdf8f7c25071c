"""Header blocks: sections 2 and 4 of the wire protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

CALL: Final = "Pn-Call"
IDEMPOTENCY_KEY: Final = "Pn-Idempotency-Key"
CALLER: Final = "Pn-Caller"
REPLAYED: Final = "Pn-Replayed"
UNHANDLED: Final = "Pn-Unhandled"
ERROR_CODE: Final = "Nats-Service-Error-Code"
ERROR: Final = "Nats-Service-Error"

NO_RESPONDERS: Final = "503"
"""The status with which the NATS server answers where nobody is subscribed."""

_VERSION: Final = b"NATS/1.0"
_END: Final = b"\r\n"
_BEGINNINGS: Final = (_VERSION + _END, _VERSION + b" ")


class HeaderBlock(NamedTuple):
    """What a header block says."""

    status: str
    """The status of the version line, `503`, or nothing."""

    description: str
    """What the version line says after the status, or nothing."""

    lines: dict[str, str]
    """The headers. Of a name that appears twice, the first line counts."""


def encode(lines: Mapping[str, str], *, status: str = "") -> bytes:
    """The header block with these lines; nothing at all if there are neither lines nor a status.

    Names and values have to be checked already: a line break in one would forge a line.
    """
    if not lines and not status:
        return b""
    parts = [_VERSION, f" {status}".encode() if status else b"", _END]
    for name, value in lines.items():
        parts += (name.encode(), b": ", value.encode(), _END)
    parts.append(_END)
    return b"".join(parts)


def size(lines: Mapping[str, str] | None) -> int:
    """How many bytes `encode(lines)` has."""
    if not lines:
        return 0
    total = len(_VERSION) + 2 * len(_END)
    for name, value in lines.items():
        length = len(value) if value.isascii() else len(value.encode())
        total += len(name) + length + 4
    return total


def is_block(block: bytes) -> bool:
    """Whether this is a header block that `decode` can read."""
    return block.startswith(_BEGINNINGS)


def first(block: bytes, name: bytes) -> bytes | None:
    """The value of one header, read without reading the others; None if there is no such line."""
    begin = block.find(b"\r\n" + name + b":")
    if begin < 0:
        return None
    begin += len(name) + 3
    end = block.find(_END, begin)
    return block[begin : end if end >= 0 else len(block)].strip()


def decode(block: bytes) -> HeaderBlock:
    """Reads a header block.

    Raises:
        ValueError: It does not begin with `NATS/1.0`.
    """
    if not block:
        return HeaderBlock("", "", {})
    if not is_block(block):
        raise ValueError("a header block begins with NATS/1.0")
    version, _, rest = block.partition(_END)
    text = version[len(_VERSION) :].strip()
    status, description = text[:3].decode("ascii", "replace"), text[3:].decode("utf-8", "replace")
    return HeaderBlock(status, description.strip(), decode_lines(rest))


def decode_lines(lines: bytes) -> dict[str, str]:
    """Reads the lines after the version line; what is no `Name: value` is left out."""
    headers: dict[str, str] = {}
    for line in lines.split(_END):
        name, colon, value = line.partition(b":")
        if colon and name:
            key = name.decode("ascii", "replace")
            if key not in headers:
                headers[key] = value.strip().decode("utf-8", "replace")
    return headers
