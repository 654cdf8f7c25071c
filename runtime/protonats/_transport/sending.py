"""What every transport refuses to send, and in which words."""

from __future__ import annotations

import re
from typing import Final

from protonats._wire import subjects
from protonats.errors import Code, StatusError

MAX_UNSENT: Final = 32 * 1024 * 1024
"""Bytes that may wait for the socket."""

LOW_WATER: Final = 256 * 1024
"""Bytes that may wait for the socket while `Transport.writable` returns at once."""

_BLANK: Final = re.compile(r"[ \t\r\n]")


def check_subject(subject: str) -> None:
    """Refuses what is no subject to publish to. A blank in one would forge a command, and the
    server ends a connection that sends a line that is too long.

    Raises:
        StatusError: INVALID_ARGUMENT.
    """
    if subjects.is_too_long(subject):
        raise StatusError(
            Code.INVALID_ARGUMENT,
            f"the subject {subject[:64]!r}… has more than {subjects.MAX_SIZE} bytes",
        )
    if not subject or _BLANK.search(subject):
        raise StatusError(Code.INVALID_ARGUMENT, f"{subject!r} is no subject")


def no_connection() -> StatusError:
    """Nothing can be sent now."""
    return StatusError(Code.UNAVAILABLE, "there is no connection to NATS", unhandled=True)


def too_large(subject: str, size: int, limit: int) -> StatusError:
    """A message of `size` bytes, header block included, where the server takes `limit`."""
    return StatusError(
        Code.RESOURCE_EXHAUSTED,
        f"a message of {size} bytes to {subject}: the NATS server takes {limit} bytes"
        " (max_payload), header block included",
    )


def buffer_full(unsent: int) -> StatusError:
    """So many bytes wait for the socket that no more are taken."""
    return StatusError(
        Code.RESOURCE_EXHAUSTED,
        f"{unsent} bytes wait to be sent to NATS already: publish more slowly",
    )
