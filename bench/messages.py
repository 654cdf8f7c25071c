"""The message that is sent: `acme.bench.v1.Item`, 150 bytes."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from acme.bench.v1 import bench_pb2

__all__ = ["FIELDS", "blob", "item", "items", "large"]

FIELDS: Final[dict[str, Any]] = {
    "id": "018f6d4e-8a52-7c31-9f0e-2b6d41c7a953",
    "owner_id": "018f6d4e-1c07-7be2-a4d8-90e3f5b21c6d",
    "kind": "weapon.sword.long",
    "created_at_ms": 1_767_225_600_123,
    "level": 42,
    "x": 1024.25,
    "y": -311.5,
    "active": True,
    "title": "Blade of the last winter",
}
"""Its values."""

_PATTERN: Final = b"".join(number.to_bytes(2, "big") for number in range(32_768))


def item() -> bench_pb2.Item:
    """A new one."""
    return bench_pb2.Item(**FIELDS)


def large(size: int) -> bench_pb2.Blob:
    """A message with a content of this many bytes."""
    return bench_pb2.Blob(content=blob(size), size=size)


def blob(size: int) -> bytes:
    """Bytes that do not repeat within 64 KiB, made without a copy where they are a multiple."""
    times, rest = divmod(size, len(_PATTERN))
    return _PATTERN * times + _PATTERN[:rest] if rest else _PATTERN * times


async def items(count: int) -> AsyncIterator[bench_pb2.Item]:
    """The same one, again and again, from a producer that is ready."""
    one = item()
    for _ in range(count):
        yield one
