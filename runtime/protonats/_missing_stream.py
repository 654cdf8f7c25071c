"""Why no stream has stored a message: asked when that has happened, and not before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from protonats import deadline
from protonats._wire import headers
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._transport.message import Message
    from protonats.connection import Connection

PROVISION: Final = "python -m protonats.provision generated/deploy/nats/jetstream.json"
"""What creates streams and consumers, for the texts of errors."""

_NAMES: Final = "$JS.API.STREAM.NAMES"
_PATIENCE: Final = 1.0
"""Seconds for the answer."""

_NOT_ENABLED: Final = frozenset({10035, 10039, 10076})
"""Numbers of the server's errors (nats-server, errors.json): JetStream is off, for the account or
for the server."""

_blind: Final[WeakSet[Connection]] = WeakSet()
"""Those whose user may not ask: the server logs each attempt."""


class NoStreamError(StatusError):
    """FAILED_PRECONDITION, because no stream takes the subject."""


def no_stream(subject: str) -> NoStreamError:
    """JetStream is there, and has no stream for a subject."""
    return NoStreamError(
        Code.FAILED_PRECONDITION, f"no stream stores {subject}: create it with `{PROVISION}`"
    )


async def explained(connection: Connection, subject: str, error: StatusError) -> StatusError:
    """What to report for a message that was not stored: FAILED_PRECONDITION, where there is no
    stream for it or no JetStream, UNAVAILABLE, where the stream is there and has no leader, and
    otherwise the error as it is.

    Args:
        connection: Where the message was published.
        subject: Its subject.
        error: What came of it.
    """
    # With somebody else subscribed to the subject, the server does not say that no stream is.
    silent = error.code is Code.DEADLINE_EXCEEDED
    if not (silent or isinstance(error, NoStreamError)) or connection in _blind:
        return error
    body = json.dumps({"subject": subject}).encode()
    now = connection._clock()
    until = deadline.earliest(_PATIENCE, now)
    if until <= now:
        return error
    try:
        answer = await connection._request(_NAMES, body, b"", until)
    except StatusError as failure:
        if failure.code is Code.PERMISSION_DENIED:
            _blind.add(connection)
        elif not silent:
            text = f"no stream takes {subject} now, and JetStream does not say why"
            return StatusError(Code.UNAVAILABLE, text)
        return error
    if _is_off(answer):
        return NoStreamError(
            Code.FAILED_PRECONDITION,
            f"no stream stores {subject}, as JetStream is off for this account or server: switch it"
            " on (`nats-server -js`, or `jetstream {}` in its configuration)",
        )
    names = _read(answer).get("streams", ())
    if silent and names in (None, []):
        return no_stream(subject)
    if not silent and names:
        text = f"stream {names[0]} takes no messages now: its nodes elect a leader"
        return StatusError(Code.UNAVAILABLE, text)
    return error


def _is_off(answer: Message) -> bool:
    if answer.status == headers.NO_RESPONDERS:
        return True
    error = _read(answer).get("error")
    return isinstance(error, dict) and error.get("err_code") in _NOT_ENABLED


def _read(answer: Message) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
