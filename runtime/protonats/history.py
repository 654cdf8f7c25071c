"""Reading events that a stream has stored, from any point in the past."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from protonats._consuming.stored import Position, StoredMessage, read, stream_of
from protonats._info import EventInfo
from protonats._publishing import filter_subject
from protonats._wire import events as wire
from protonats.connection import Connection, check_connection
from protonats.errors import Code, StatusError
from protonats.events import EventContext

__all__ = ["UnreadableEvent", "replay"]

EventT = TypeVar("EventT", bound=Message)


class UnreadableEvent(StatusError):
    """A stored message that cannot be read as the event that was asked for: DATA_LOSS.

    Attributes:
        stream: The stream.
        sequence: Its sequence in the stream.
        subject: What it was published to.
        body: Its body.
    """

    def __init__(self, stored: StoredMessage, wanted: str, reason: str) -> None:
        super().__init__(
            Code.DATA_LOSS,
            f"message {stored.sequence} of stream {stored.stream} cannot be read as {wanted}:"
            f" {reason}",
        )
        self.stream = stored.stream
        self.sequence = stored.sequence
        self.subject = stored.subject
        self.body = stored.body


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
    on_unreadable: Callable[[UnreadableEvent], object] | None = None,
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
        on_unreadable: Called with each event that cannot be read, which is then passed over; by
            default it is raised, and ends the reading.

    Raises:
        TypeError: An argument is of another type.
        ValueError: Arguments contradict each other, or `since` has no time zone.
        StatusError: INVALID_ARGUMENT for a key that cannot be one, FAILED_PRECONDITION where no
            stream stores the event or it does not allow direct access, UNAVAILABLE where nothing
            answers for half a minute; `UnreadableEvent` without `on_unreadable`.
    """
    check_connection(connection)
    _check_types(info, since)
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
        try:
            event = _event(info, message)
        except UnreadableEvent as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
        else:
            yield event, _context(message)


def _check_types(info: object, since: object) -> None:
    if not isinstance(info, EventInfo):
        shown = info.__name__ if isinstance(info, type) else type(info).__name__
        raise TypeError(
            "the event is one out of a generated class of events, for example"
            f" QuestServiceEvents.quest_generated, not {shown}"
        )
    if since is not None and not isinstance(since, datetime):
        raise TypeError(
            "since is a datetime with a time zone, for example datetime.now(UTC) -"
            f" timedelta(hours=1), not {type(since).__name__}"
        )


def _event(info: EventInfo[EventT], message: StoredMessage) -> EventT:
    wanted = info.message.DESCRIPTOR.full_name
    try:
        found = wire.event_type(message.lines)
        if found is None or found == wanted:
            return info.message.FromString(message.body)
        reason = f"it is {found}"
    except (ValueError, DecodeError) as error:
        reason = str(error)
    raise UnreadableEvent(message, wanted, reason)


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
