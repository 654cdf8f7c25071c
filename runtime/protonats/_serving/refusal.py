"""Statuses from before a handler was begun: section 10 of the wire protocol."""

from __future__ import annotations

from protonats._wire import headers, status
from protonats.errors import StatusError


class Refusal(StatusError):
    """A status that an instance answers before it has begun the handler: whatever the method, the
    caller may try again.

    `StatusError.unhandled` does not say that here: a handler may pass on the status of a call of
    its own.
    """


def lines_of(error: StatusError) -> tuple[dict[str, str], bytes]:
    """Header lines and body that answer a call with a status."""
    lines, body = status.encode(error)
    if type(error) is Refusal:
        lines[headers.UNHANDLED] = "1"
    return lines, body
