"""Idempotency keys and the answers that are kept for them: section 10 of the wire protocol."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple, Self

from protonats._wire import headers, subjects
from protonats.errors import Code, StatusError

# fmt: off
FINAL: Final = frozenset({
    Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.PERMISSION_DENIED,
    Code.FAILED_PRECONDITION, Code.OUT_OF_RANGE, Code.UNIMPLEMENTED, Code.UNAUTHENTICATED,
    Code.DATA_LOSS,
})
# fmt: on
"""The statuses that are kept: to try again would not change them."""


class KeyedRequest(NamedTuple):
    """Which call this is, and what it asks for."""

    name: str
    """The same for all calls of one method by one caller with one key: 64 hexadecimal digits."""

    digest: str
    """The same for requests of the same bytes: 64 hexadecimal digits."""

    @classmethod
    def of(cls, method: str, lines: Mapping[str, str], key: str, body: bytes) -> Self:
        """Reads a request.

        Args:
            method: The full name of the method.
            lines: Its header lines.
            key: Its idempotency key, checked already.
            body: Its body.

        Raises:
            StatusError: INVALID_ARGUMENT for a `Pn-Caller` that is no token.
        """
        caller = lines.get(headers.CALLER, "")
        if caller and not subjects.is_token(caller):
            raise StatusError(
                Code.INVALID_ARGUMENT, f"{headers.CALLER} is the name of a caller, one token"
            )
        # None of the three can hold a line break, so no two calls have the same text.
        name = sha256("\n".join((method, caller, key)).encode()).hexdigest()
        return cls(name, sha256(body).hexdigest())


def encode_answer(lines: Mapping[str, str], body: bytes) -> bytes:
    """An answer as it is kept: the length of its header block, the block, the body."""
    block = headers.encode(lines)
    return len(block).to_bytes(4, "big") + block + body


def decode_answer(data: bytes) -> tuple[dict[str, str], bytes]:
    """Header lines and body of an answer that was kept.

    Raises:
        ValueError: It is none.
    """
    end = 4 + int.from_bytes(data[:4], "big")
    if not 4 <= end <= len(data):
        raise ValueError("this is no answer")
    return headers.decode(data[4:end]).lines, data[end:]
