"""Reading events that a stream has stored, from any point in the past."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from protonats._consuming.stored import Position, StoredMessage, read, stream_of
from protonats._info import EventInfo
from protonats._publishing import filter_subject
from protonats._wire import events as wire
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.events import EventContext

__all__ = ["replay"]

EventT = TypeVar("EventT", bound=Message)


async def replay(
    connection: Connection,
    info: EventInfo[EventT],
    *,
    since: datetime | None = None,
    sequence: int | None = None,
    last_per_subject: bool = False,
    key: str | None = None,
    follow: bool = False,
    stream: str | None = None,
) -> AsyncIterator[tuple[EventT, EventContext]]:
    """Reads the stored events of one kind in their order, from the first one on.

        events = protonats.replay(connection, QuestServiceEvents.quest_generated, since=yesterday)
        async for event, context in events:
            ...

    It takes nothing away from any consumer, and acknowledges nothing. No event comes twice, and
    none is left out, whatever happens to the connection meanwhile. The user needs the right to
    publish to `$JS.API.DIRECT.GET.<stream>`, and to `$JS.API.STREAM.NAMES` if no stream is named.

    Args:
        connection: Where the stream is.
        info: The event, out of a generated class of events.
        since: Begins with the first event that was stored at this time or later.
        sequence: Begins with the first event that has this sequence or a higher one.
        last_per_subject: Reads only the newest event of each key.
        key: Reads only the events with this key.
        follow: Goes on with new events as they come, within a second, and never ends.
        stream: The stream; found by the subject by default.

    Raises:
        ValueError: Arguments contradict each other, or `since` has no time zone.
        StatusError: INVALID_ARGUMENT for a key that cannot be one, FAILED_PRECONDITION where no
            stream stores the event or it does not allow direct access, DATA_LOSS for an event that
            cannot be read: go on with the sequence behind the one that the text names.
            UNAVAILABLE where nothing answers for half a minute.
    """
    if (since is not None) + (sequence is not None) + last_per_subject > 1:
        raise ValueError("write one of since, sequence and last_per_subject")
    if since is not None and since.tzinfo is None:
        raise ValueError("since has no time zone: write for example datetime.now(UTC)")
    if sequence is not None and sequence < 1:
        raise ValueError(f"sequence is {sequence}: write 1 or more")
    subject = filter_subject(info, key)
    position = Position(subject, sequence or 1, since, last_per_subject)
    stream = stream or await stream_of(connection, subject)
    async for message in read(connection, stream, position, follow=follow):
        yield _event(info, message), _context(message)


def _event(info: EventInfo[EventT], message: StoredMessage) -> EventT:
    wanted = info.message.DESCRIPTOR.full_name
    try:
        found = wire.event_type(message.lines)
        if found is None or found == wanted:
            return info.message.FromString(message.body)
        reason = f"it is {found}"
    except (ValueError, DecodeError) as error:
        reason = str(error)
    raise StatusError(
        Code.DATA_LOSS,
        f"message {message.sequence} of stream {message.stream} cannot be read as {wanted}:"
        f" {reason}",
    )


def _context(message: StoredMessage) -> EventContext:
    lines = message.lines
    return EventContext(
        subject=message.subject,
        event_id=wire.event_id(lines),
        metadata=wire.event_metadata(lines),
        stream=message.stream,
        sequence=message.sequence,
        delivery=0,
        published_at=message.stored_at,
        trace=wire.event_trace(lines),
        replayed=wire.REPLAY in lines,
    )
