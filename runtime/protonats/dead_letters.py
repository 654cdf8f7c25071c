"""Dead letters: messages that a consumer could not handle (section 11 of the wire protocol).

letters = DeadLetters(connection)
async for letter in letters.list(consumer="quest_processor"):
    await letters.replay(letter)
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError

from protonats._consuming.stored import Position, StoredMessage, get, read, stream_of
from protonats._jetstream_errors import reason_of
from protonats._publishing import PublishAck, store
from protonats._wire import events as wire
from protonats._wire import headers
from protonats._wire.numbers import number
from protonats.connection import Connection, check_connection
from protonats.errors import Code, StatusError

_ORIGINS: Final = ("evt.", "work.")
__all__ = ["DeadLetter", "DeadLetters"]

_ID: Final = re.compile(r"([^.]+)\.([0-9]{1,20})\.(.+)", re.DOTALL)
_ALL: Final = "dlq.>"
_NO_MESSAGE: Final = 10057
"""nats-server, errors.json."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message that a consumer could not handle."""

    sequence: int
    """The number of the dead letter: its sequence in the stream of dead letters."""

    stream: str
    """The stream of the message."""

    consumer: str
    """The consumer that could not handle it."""

    origin_sequence: int
    """The message's sequence in its stream."""

    origin_subject: str
    """The subject that it was published to."""

    event_id: str
    """Its event id; empty if it had none."""

    event: str
    """The full name of the event; empty where the message did not say."""

    deliveries: int
    """How often it was delivered to be handled: `max_deliver` times, if its handler failed."""

    error: str
    """Why it could not be handled."""

    buried_at: datetime
    """When it became a dead letter, in UTC."""

    metadata: Mapping[str, str]
    """What its publisher sent along."""

    body: bytes
    """Its body."""

    complete: bool
    """Whether all of the body is here; `DeadLetters.get` completes it."""

    _lines: Mapping[str, str] = field(repr=False, compare=False)


class DeadLetters:
    """The dead letters of all consumers, or of some."""

    def __init__(self, connection: Connection, *, stream: str | None = None) -> None:
        """
        Args:
            connection: Where they are. The user needs the rights to publish to
                `$JS.API.DIRECT.GET.<stream>`; for `replay` to the origin's subject as well, and
                for `replay` and `purge` to `$JS.API.STREAM.MSG.DELETE.<stream>`.
            stream: The stream of dead letters; by default the one that stores `dlq.>`.
        """
        check_connection(connection)
        self._connection = connection
        self._stream = stream

    async def list(
        self,
        *,
        stream: str | None = None,
        consumer: str | None = None,
        event: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[DeadLetter]:
        """Dead letters, the oldest first.

        Args:
            stream: Only those of messages of this stream.
            consumer: Only those of this consumer.
            event: Only those of this event, by its full name.
            since: Only those that were buried at this time or later.
            until: Only those that were buried before.

        Raises:
            StatusError: FAILED_PRECONDITION, there is no stream of dead letters or it does not
                allow direct access; UNAVAILABLE, JetStream does not answer.
        """
        position = Position(f"dlq.{stream or '*'}.{consumer or '*'}", since=since)
        async for message in read(self._connection, await self._home(), position):
            letter = _letter(message)
            if letter is None or (event is not None and letter.event != event):
                continue
            if until is not None and letter.buried_at >= until:
                return
            yield letter

    async def get(self, sequence: int) -> DeadLetter:
        """The dead letter with this number, with all of its body.

        Raises:
            StatusError: NOT_FOUND, there is none; DATA_LOSS, a part of its body is gone; else as
                for `list`.
        """
        home = await self._home()
        message = await get(self._connection, home, sequence)
        letter = None if message is None else _letter(message)
        if message is None or letter is None:
            raise StatusError(Code.NOT_FOUND, f"there is no dead letter {sequence} in {home}")
        if letter.complete:
            return letter
        rest = await get(self._connection, home, number(message.lines.get(wire.REST, "")) or 0)
        if rest is None or rest.lines.get(wire.REST_OF) != message.lines.get(wire.MSG_ID):
            raise StatusError(
                Code.DATA_LOSS, f"the second half of the body of dead letter {sequence} is gone"
            )
        whole = _letter(message._replace(body=message.body + rest.body), complete=True)
        assert whole is not None
        return whole

    async def replay(self, letter: DeadLetter, *, keep: bool = False) -> PublishAck:
        """Publishes the message again, and deletes the dead letter.

        It goes to its stream, and there to the consumer that could not handle it: the others
        acknowledge it without handling it. Whoever reads the stream by other means sees it twice.
        A second replay of the same dead letter is dropped by the stream as a duplicate, within its
        duplicates window.

        Args:
            letter: The dead letter.
            keep: Whether to leave it where it is.

        Raises:
            StatusError: It was not published, or, with the code of `purge`, not deleted.
        """
        if not letter.complete:
            letter = await self.get(letter.sequence)
        if not letter.origin_subject:
            text = f"dead letter {letter.sequence} does not say where it came from"
            raise StatusError(Code.DATA_LOSS, text)
        if not letter.origin_subject.startswith(_ORIGINS) or ">" in letter.origin_subject:
            # Whoever writes dead letters must not choose where an operator publishes.
            text = f"dead letter {letter.sequence} says that it came from no event's subject"
            raise StatusError(Code.PERMISSION_DENIED, text)
        lines = wire.replay_headers(letter._lines)
        block = headers.encode(lines)
        ack = await store(
            self._connection, letter.origin_subject, letter.body, block, lines[wire.MSG_ID]
        )
        if not keep:
            await self.purge(letter)
        return ack

    async def purge(self, letter: DeadLetter) -> None:
        """Deletes a dead letter for good; one that is gone already is no error.

        Raises:
            StatusError: PERMISSION_DENIED, the stream does not allow it; UNAVAILABLE, JetStream
                does not answer.
        """
        home = await self._home()
        rest = letter._lines.get(wire.REST)
        for sequence in (letter.sequence, *([] if rest is None else [number(rest) or 0])):
            try:
                await self._connection.jetstream.delete_msg(home, sequence)
            except NotFoundError:
                continue
            except APIError as error:
                if error.err_code == _NO_MESSAGE:
                    continue
                text = f"dead letter {sequence} of {home} is not deleted: {error.description}"
                raise StatusError(Code.PERMISSION_DENIED, text) from None
            except NatsError as error:
                text = f"JetStream does not answer: {reason_of(error)}"
                raise StatusError(Code.UNAVAILABLE, text) from None

    async def _home(self) -> str:
        if self._stream is None:
            self._stream = await stream_of(self._connection, _ALL)
        return self._stream


def _letter(message: StoredMessage, *, complete: bool = False) -> DeadLetter | None:
    """What a message of the stream says; None for one that is no dead letter."""
    lines = message.lines
    match = _ID.fullmatch(lines.get(wire.MSG_ID, ""))
    if match is None or wire.REST_OF in lines:
        return None
    try:
        event = wire.event_type(lines) or ""
    except ValueError:
        event = ""
    return DeadLetter(
        sequence=message.sequence,
        stream=match[1],
        consumer=match[3],
        origin_sequence=int(match[2]),
        origin_subject=lines.get(wire.ORIGIN_SUBJECT, ""),
        event_id=lines.get(wire.ORIGIN_ID, ""),
        event=event,
        deliveries=number(lines.get(wire.DELIVERIES, "")) or 0,
        error=lines.get(wire.ERROR, ""),
        buried_at=message.stored_at,
        metadata=wire.event_metadata(lines),
        body=message.body,
        complete=complete or wire.REST not in lines,
        _lines=lines,
    )
