"""Reading events: those that are published meanwhile, and those that a stream has stored."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format
from nats.js.errors import NotFoundError

from protoc_gen_nats.live.json_messages import JsonForm
from protoc_gen_nats.live.schemas import Schemas
from protonats._consuming.stored import Position, StoredMessage, read, stream_of
from protonats._transport.message import Message
from protonats._wire import events as wire
from protonats.connection import Connection
from protonats.errors import Code, StatusError

__all__ = ["Received", "last", "listen", "stored"]

_FEWEST = 64
"""Messages of a stream that are read at least, to find the last ones on a subject."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One message on a subject."""

    subject: str
    lines: dict[str, str]
    """Its header lines."""

    body: bytes
    at: datetime
    """When it was stored, else when it came here; in UTC."""

    stream: str | None = None
    """Where it is stored; None for one that was heard as it was published."""

    sequence: int | None = None

    def event(self, schemas: Schemas | None) -> str:
        """The full name of its message; empty where nobody says."""
        try:
            said = wire.event_type(self.lines)
        except ValueError:
            said = None
        known = schemas.event_on(self.subject) if schemas and said is None else None
        return said or (known.ref.full_name if known else "")

    def facts(self, schemas: Schemas | None) -> dict[str, Any]:
        """All about it as a value that `json.dumps` takes; a body of unknown type in hexadecimal
        digits."""
        event = self.event(schemas)
        facts: dict[str, Any] = {
            "time": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "subject": self.subject,
            "event": event,
            "id": wire.event_id(self.lines),
        }
        if self.stream is not None:
            facts |= {"stream": self.stream, "sequence": self.sequence}
        if metadata := wire.event_metadata(self.lines):
            facts["metadata"] = metadata
        if trace := wire.event_trace(self.lines):
            facts["trace"] = trace.split("-")[1]
        if wire.REPLAY in self.lines:
            facts["replayed"] = True
        known = schemas.message_class(event) if schemas and event else None
        if schemas is None or known is None:
            return facts | {"body_hex": self.body.hex()}
        try:
            return facts | {"body": JsonForm(pool=schemas.pool).read(known, self.body)}
        except (ValueError, json_format.Error) as error:
            return facts | {"body_hex": self.body.hex(), "unreadable": str(error)}


async def listen(connection: Connection, subject: str) -> AsyncGenerator[Received, None]:
    """The messages that are published to a subject from now on, wildcards allowed; for ever.

    Raises:
        StatusError: PERMISSION_DENIED, the user may not subscribe to it; UNAVAILABLE, the
            connection is lost: what was published meanwhile nobody can tell.
    """
    queue: asyncio.Queue[Message | StatusError] = asyncio.Queue()

    def lost() -> None:
        text = "the connection to NATS was lost, and what was published meanwhile with it"
        queue.put_nowait(StatusError(Code.UNAVAILABLE, text))

    transport = connection._transport
    subscription = await transport.subscribe(subject, queue.put_nowait)
    connection._on_lost.add(lost)
    try:
        await transport.barrier()
        if subscription.denied:
            text = f"the NATS server does not let this user subscribe to {subject}"
            raise StatusError(Code.PERMISSION_DENIED, text)
        while True:
            message = await queue.get()
            if isinstance(message, StatusError):
                raise message
            yield Received(
                subject=message.subject,
                lines=dict(message.headers),
                body=message.body,
                at=datetime.now(UTC),
            )
    finally:
        connection._on_lost.discard(lost)
        await transport.unsubscribe(subscription)


async def stored(
    connection: Connection,
    subject: str,
    *,
    stream: str | None = None,
    since: datetime | None = None,
    sequence: int = 1,
    follow: bool = False,
) -> AsyncGenerator[Received, None]:
    """The messages on a subject that a stream has stored, the oldest first.

    Args:
        connection: Where the stream is.
        subject: The subject, wildcards allowed.
        stream: The stream; found by the subject by default.
        since: Begins with the first one that was stored at this time or later.
        sequence: Begins with the first one that has this sequence or a higher one.
        follow: Goes on with new ones, for ever.

    Raises:
        StatusError: FAILED_PRECONDITION, no stream stores the subject, or it does not allow direct
            access; UNAVAILABLE, nothing answers.
    """
    stream = stream or await stream_of(connection, subject)
    async for message in read(
        connection, stream, Position(subject, sequence, since), follow=follow
    ):
        yield _received(message)


async def last(
    connection: Connection, subject: str, count: int, *, stream: str | None = None
) -> tuple[list[Received], int]:
    """The last messages on a subject that a stream has stored, and the sequence behind them.

    Raises:
        StatusError: As for `stored`.
    """
    stream = stream or await stream_of(connection, subject)
    try:
        state = (await connection.jetstream.stream_info(stream)).state
    except NotFoundError:
        raise StatusError(Code.FAILED_PRECONDITION, f"there is no stream {stream}") from None
    behind, width = state.last_seq + 1, max(count, _FEWEST)
    while True:
        start = max(state.first_seq, behind - width, 1)
        found: deque[Received] = deque(maxlen=count)
        async for message in read(connection, stream, Position(subject, start)):
            found.append(_received(message))
            behind = max(behind, message.sequence + 1)
        if len(found) == count or start <= max(state.first_seq, 1):
            return list(found), behind
        width *= 8


def _received(message: StoredMessage) -> Received:
    return Received(
        subject=message.subject,
        lines=dict(message.lines),
        body=message.body,
        at=message.stored_at,
        stream=message.stream,
        sequence=message.sequence,
    )
