"""A last line by which a file tells, wherever it was copied to, that nobody edited it."""

from __future__ import annotations

from protoc_gen_nats.contents import digest

__all__ = ["is_intact", "sealed"]

_MARK = b"# As generated: "


def sealed(content: bytes) -> bytes:
    """A file whose comments begin with `#`, with that line behind it."""
    return content + _MARK + digest(content).encode() + b"\n"


def is_intact(content: bytes) -> bool:
    """Whether a file ends with that line, and is what it was then."""
    body, mark, _ = content.rpartition(_MARK)
    return bool(mark) and sealed(body) == content
