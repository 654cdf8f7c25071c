"""Reading what a stream has stored, without a consumer (JetStream Direct Get, ADR-31).

It needs the right to publish to `$JS.API.DIRECT.GET.<stream>` and nothing else, and leaves nothing
on the server. Whichever replica is at hand answers, so the newest messages may be missing for a
moment, and none is ever out of order.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from protonats._jetstream_errors import reason_of
from protonats._missing_stream import PROVISION, no_stream
from protonats._transport.message import Message
from protonats._wire import headers
from protonats.connection import Connection
from protonats.errors import Code, StatusError

_BATCH: Final = 256
_MAX_BYTES: Final = 4 * 1024 * 1024
_TIMEOUT: Final = 5.0
_PATIENCE: Final = 30.0
_FIRST_PAUSE: Final = 0.05
_LAST_PAUSE: Final = 1.0
_END: Final = "204"
_NOTHING: Final = "404"
_TOO_MANY: Final = "413"
_RETRIED: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.DATA_LOSS})
_TIME: Final = re.compile(r"([0-9T:-]{19})(?:\.([0-9]{1,9}))?Z")


class StoredMessage(NamedTuple):
    """A message as a stream has it."""

    stream: str
    """The stream."""

    sequence: int
    """Its sequence in the stream."""

    subject: str
    """What it was published to."""

    stored_at: datetime
    """When the stream stored it, in UTC."""

    lines: Mapping[str, str]
    """Its header lines."""

    body: bytes
    """Its body."""


class Position(NamedTuple):
    """Which messages to read."""

    subject: str
    """The subjects that they were published to."""

    sequence: int = 1
    """The first sequence that is read."""

    since: datetime | None = None
    """When the first message that is read was stored, or before; `sequence` has no meaning then."""

    last_per_subject: bool = False
    """Whether to read only the newest message of each subject."""

    up_to: int | None = None
    """The sequence at which reading the newest messages of subjects began."""

    def request(self) -> dict[str, Any]:
        """What to ask for."""
        if self.last_per_subject:
            request: dict[str, Any] = {"multi_last": [self.subject], "seq": self.sequence}
            if self.up_to is not None:
                request["up_to_seq"] = self.up_to
            return request
        if self.since is not None:
            time = self.since.astimezone(UTC).isoformat(timespec="microseconds")
            return {"next_by_subj": self.subject, "start_time": time.replace("+00:00", "Z")}
        return {"next_by_subj": self.subject, "seq": self.sequence}


async def read(
    connection: Connection, stream: str, position: Position, *, follow: bool = False
) -> AsyncIterator[StoredMessage]:
    """The messages from a position on, in the order of the stream, none twice and none left out.

    What breaks on the way is asked for again, for half a minute without any message.

    Args:
        connection: Where the stream is.
        stream: Its name.
        position: Which messages.
        follow: Whether to wait for new ones at the end, for ever.

    Raises:
        StatusError: FAILED_PRECONDITION where the stream is missing or does not allow to be read
            so, UNAVAILABLE where nothing answers.
    """
    loop = asyncio.get_running_loop()
    pause, heard = _FIRST_PAUSE, loop.time()
    while True:
        fetch = _Fetch(connection, stream)
        ended = False
        try:
            await fetch.run(position.request())
            ended = fetch.ended
        except StatusError as error:
            if error.code not in _RETRIED or loop.time() - heard > _PATIENCE:
                raise
        else:
            heard = loop.time()
        for message in fetch.messages:
            yield message
        if fetch.messages:
            pause, heard = _FIRST_PAUSE, loop.time()
            after = fetch.messages[-1].sequence + 1
            position = position._replace(sequence=after, since=None)
        if position.last_per_subject:
            position = position._replace(up_to=fetch.up_to or position.up_to)
            if ended:
                if not follow:
                    return
                if position.up_to is not None:
                    position = Position(position.subject, position.up_to + 1)
        elif ended and not follow:
            return
        if ended or not fetch.messages:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LAST_PAUSE)


async def get(connection: Connection, stream: str, sequence: int) -> StoredMessage | None:
    """The message with this sequence; None if the stream does not have it.

    Raises:
        StatusError: The same as for `read`, at once.
    """
    fetch = _Fetch(connection, stream)
    await fetch.run({"seq": sequence}, batch=False)
    return fetch.messages[0] if fetch.messages else None


async def stream_of(connection: Connection, subject: str) -> str:
    """The name of the stream that stores a subject.

    Raises:
        StatusError: FAILED_PRECONDITION, none does; UNAVAILABLE, JetStream does not answer.
    """
    try:
        return await connection.jetstream.find_stream_name_by_subject(subject)
    except NotFoundError:
        raise no_stream(subject) from None
    except NatsError as error:
        text = f"JetStream does not answer: {reason_of(error)}"
        raise StatusError(Code.UNAVAILABLE, text) from None


class _Fetch:
    """One request for stored messages, and the messages that came of it.

    Attributes:
        messages: What came, without a gap.
        ended: Whether the stream has no more than that.
        up_to: The sequence at which reading the newest messages of subjects began.
    """

    def __init__(self, connection: Connection, stream: str) -> None:
        self.messages: list[StoredMessage] = []
        self.ended = False
        self.up_to: int | None = None
        self._connection = connection
        self._stream = stream
        self._batch = True
        self._done: asyncio.Future[StatusError | None] = asyncio.get_running_loop().create_future()

    async def run(self, request: dict[str, Any], *, batch: bool = True) -> None:
        """Asks, and returns when everything that was asked for is there.

        Raises:
            StatusError: It will not come; `messages` may have the first part of it.
        """
        self._batch = batch
        if batch:
            request = {**request, "batch": _BATCH, "max_bytes": _MAX_BYTES}
        connection, calls = self._connection, self._connection._calls
        token, subject = connection._call_ids.next(), f"$JS.API.DIRECT.GET.{self._stream}"
        calls.add_stream(token, subject, self._receive, self._finish)
        try:
            connection._transport.publish(
                subject, json.dumps(request).encode(), reply=calls.reply_subject(token)
            )
            async with asyncio.timeout(_TIMEOUT):
                error = await self._done
        except TimeoutError:
            error = StatusError(
                Code.DEADLINE_EXCEEDED, f"stream {self._stream} does not answer within {_TIMEOUT} s"
            )
        finally:
            calls.remove(token)
        if error is not None:
            raise error

    def _receive(self, message: Message) -> None:
        block = message.block
        sequence = _said(block, "Nats-Sequence")
        if sequence is None:
            self._read_status(message)
            return
        before = _said(block, "Nats-Last-Sequence")
        if self._batch and before != str(self.messages[-1].sequence if self.messages else 0):
            self._finish(StatusError(Code.DATA_LOSS, "a message between two others is missing"))
            return
        self.messages.append(_stored(message, self._stream, int(sequence)))
        if not self._batch:
            self._finish(None)

    def _read_status(self, message: Message) -> None:
        block, status = message.block, message.status
        if status == _END:
            last = _said(block, "Nats-Last-Sequence")
            if self.messages and last != str(self.messages[-1].sequence):
                self._finish(StatusError(Code.DATA_LOSS, "the last messages are missing"))
                return
            self.ended = _said(block, "Nats-Num-Pending") in (None, "0")
            up_to = _said(block, "Nats-UpTo-Sequence")
            self.up_to = None if up_to is None else int(up_to)
            self._finish(None)
        elif status == _NOTHING:
            self.ended = True
            self._finish(None)
        elif status == headers.NO_RESPONDERS:
            text = (
                f"stream {self._stream} cannot be read: it is missing, or does not allow direct"
                f" access; mend it with `{PROVISION}`"
            )
            self._finish(StatusError(Code.FAILED_PRECONDITION, text))
        else:
            code = Code.RESOURCE_EXHAUSTED if status == _TOO_MANY else Code.INTERNAL
            text = f"stream {self._stream}: {status} {message.description}"
            self._finish(StatusError(code, text))

    def _finish(self, error: StatusError | None) -> None:
        if not self._done.done():
            self._done.set_result(error)


def _said(block: bytes, name: str) -> str | None:
    """What the server says in a header; what the publisher wrote there stands before it."""
    begin = block.rfind(f"\r\n{name}: ".encode())
    if begin < 0:
        return None
    begin += len(name) + 4
    return block[begin : block.find(b"\r\n", begin)].decode("utf-8", "replace")


def _stored(message: Message, stream: str, sequence: int) -> StoredMessage:
    block = message.block
    time = _TIME.fullmatch(_said(block, "Nats-Time-Stamp") or "")
    stored_at = datetime.fromtimestamp(0, UTC)
    if time is not None:
        fraction = int((time[2] or "").ljust(6, "0")[:6])
        stored_at = datetime.fromisoformat(time[1]).replace(tzinfo=UTC, microsecond=fraction)
    return StoredMessage(
        stream,
        sequence,
        _said(block, "Nats-Subject") or "",
        stored_at,
        message.headers,
        message.body,
    )
