"""Garbage that looks like the protocol: the vectors of the wire protocol, cut, flipped and spliced.

It comes from a seeded source, so a run that failed can be made again.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from protonats._wire import headers

_VECTORS: Final = Path(__file__).parents[2] / "docs" / "wire-vectors"
CALL: Final = "01-00112233445566778899aabbccddeeff-00001388"
"""A call header as it may be given to `Garbage.block`."""

_CALL_ID: Final = re.compile(rb"00112233445566778899aabbccddeeff", re.IGNORECASE)

_LONGEST: Final = 6000

_NAMES: Final = [
    "Pn-Call",
    "Pn-Stream",
    "Pn-End",
    "Pn-Part",
    "Pn-Fetch",
    "Pn-Instance",
    "Pn-Unhandled",
    "Pn-Replayed",
    "Pn-Caller",
    "Pn-Idempotency-Key",
    "Pn-Event",
    "Pn-Replay",
    "Pn-Rest",
    "Nats-Service-Error-Code",
    "Nats-Service-Error",
    "Nats-Msg-Id",
    "Nats-Pending-Messages",
    "Nats-Sequence",
    "traceparent",
    "Pn-Future",
    "user",
]
_INTERESTING: Final = (
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b":",
    b"\xff\xfe",
    b"NATS/1.0",
    b"NATS/1.0 503\r\n\r\n",
    b"\r\n\r\n",
    b"9" * 30,
    b"9" * 5000,
    b"ffffffff",
    b"-1",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0\0\0\0\0",
    "\N{ARABIC-INDIC DIGIT FIVE}".encode(),
)


class Garbage:
    """A source of header blocks and bodies.

    Attributes:
        random: Where its choices come from.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        vectors = list(_hexadecimal())
        self._blocks = [data for data in vectors if data.startswith(b"NATS/1.0")]
        self._blocks += [headers.encode({name: value}) for name, value in _header_values()]
        self._bodies = [data for data in vectors if not data.startswith(b"NATS/1.0")]
        self._bodies += list(_statuses())

    def call_id(self) -> str:
        """The id of a call that nobody knows."""
        return self.random.randbytes(16).hex()

    def block(self, call_id: str, *, like: Mapping[str, str] | None = None) -> bytes:
        """A header block, as a rule a damaged one.

        Args:
            call_id: What stands in it for the id of the call, unless damaged.
            like: The lines of one that makes sense here; half of all blocks begin as this one.
        """
        choice, block = self.random.random(), self.random.choice(self._blocks)
        if like is not None and self.random.random() < 0.5:
            block = headers.encode(like)
        if choice < 0.05:
            return b""
        if choice < 0.1:
            return b"NATS/1.0" + self._noise(60)
        if 0.4 < choice < 0.85:
            block = self._edit_lines(block)
        elif choice > 0.4:
            block = self.damage(block)
        return _CALL_ID.sub(call_id.encode(), block)

    def body(self) -> bytes:
        """A body, as a rule a damaged one."""
        choice = self.random.random()
        if choice < 0.1:
            return self._noise(80)
        body = self.random.choice(self._bodies)
        return body if choice < 0.4 else self.damage(body)

    def damage(self, data: bytes) -> bytes:
        """Flips bits, cuts, repeats, inserts, or splices."""
        rng, damaged = self.random, bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            here = rng.randrange(len(damaged) + 1)
            there = rng.randrange(here, len(damaged) + 1)
            action = rng.randrange(6)
            if action == 0 and here < len(damaged):
                damaged[here] ^= 1 << rng.randrange(8)
            elif action == 1:
                del damaged[here:there]
            elif action == 2:
                damaged[here:here] = damaged[here:there]
            elif action == 3:
                damaged[here:there] = rng.choice(_INTERESTING)
            elif action == 4:
                damaged[here:] = rng.choice(self._bodies + self._blocks)[here:]
            else:
                damaged[here:here] = self._noise(8)
        return bytes(damaged[:_LONGEST])

    def _edit_lines(self, block: bytes) -> bytes:
        """Drops, repeats, adds or changes a line of a header block, and leaves it one."""
        rng = self.random
        first, *lines = block.removesuffix(b"\r\n\r\n").split(b"\r\n")
        action = rng.randrange(5)
        if action == 0 and lines:
            del lines[rng.randrange(len(lines))]
        elif action == 1 and lines:
            lines.append(rng.choice(lines))
        elif action == 2 and lines:
            name, _, value = rng.choice(lines).partition(b": ")
            lines[rng.randrange(len(lines))] = name + b": " + self.damage(value)
        elif action == 3:
            lines += rng.choice(self._blocks).removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
        else:
            value = rng.choice(_INTERESTING) if rng.random() < 0.5 else self._noise(40)
            lines.append(rng.choice(_NAMES).encode() + b": " + value)
        return b"\r\n".join((first, *lines)) + b"\r\n\r\n"

    def _noise(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(most + 1))


def _vectors() -> Iterator[Any]:
    for path in sorted(_VECTORS.glob("*.json")):
        yield json.loads(path.read_text())


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """Everything in a document, with the name that it has there."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, item
            yield from _items(item)
    elif isinstance(value, list):
        for item in value:
            yield from _items(item)


def _hexadecimal() -> Iterator[bytes]:
    """All header blocks and bodies."""
    for document in _vectors():
        for name, value in _items(document):
            if name in ("headers", "body", "hex") and isinstance(value, str) and value:
                yield bytes.fromhex(value)


def _header_values() -> Iterator[tuple[str, str]]:
    """All values of headers whose rules stand in vectors of their own."""
    names = {"call-header": ("Pn-Call",), "stream": ("Pn-Stream", "Pn-End"), "parts": ("Pn-Part",)}
    for stem, possible in names.items():
        document = json.loads((_VECTORS / f"{stem}.json").read_text())
        for name, value in _items(document):
            if name == "value" and isinstance(value, str) and value.isascii():
                for header in possible:
                    yield header, value.replace("\r", "").replace("\n", "")


def _statuses() -> Iterator[bytes]:
    """Statuses whose details say what cannot be."""
    for seconds, nanos in ((1, 0), (-5, 0), (1 << 62, 0), (0, -(1 << 31)), (-(1 << 63), 1)):
        delay = duration_pb2.Duration(seconds=seconds, nanos=nanos)
        status = status_pb2.Status(code=14, message="later")
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        yield status.SerializeToString()
    unknown = any_pb2.Any(type_url="type.googleapis.com/acme.Nothing", value=b"\xff")
    yield status_pb2.Status(code=5, message="no", details=[unknown]).SerializeToString()
