"""One large message on the side of the instance, while it is on its way in parts."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol, cast

from protonats._serving.refusal import Refusal, lines_of
from protonats._transport.message import Message
from protonats._wire import headers, parts, subjects
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._transport.transport import Transport
    from protonats.metrics import Metrics

_IDLE: Final = 30.0
"""Seconds without a part after which a message is let go, however far its deadline is."""


class Answers(NamedTuple):
    """How callers are answered."""

    transport: Transport
    metrics: Metrics
    instance_id: str
    """The instance in discovery."""

    def send(self, reply: str, body: bytes, lines: Mapping[str, str]) -> None:
        """Answers; what cannot be sent is counted."""
        try:
            self.transport.publish(reply, body, block=headers.encode(lines))
        except StatusError:
            self.metrics.dropped("answer")


class Room(Protocol):
    """What counts the bytes of all messages that are on their way."""

    def take(self, held: Held, size: int) -> None:
        """Counts so many bytes more of a message; raises its `no_room`."""

    def forget(self, held: Held) -> None:
        """Counts a message no longer."""


class Held(ABC):
    """A message that is on its way in parts.

    Attributes:
        call_id: The id of its call.
        total: Its length in bytes.
        size: What it counts now.
        no_room: What it is refused with.
    """

    no_room: ClassVar[type[StatusError]] = StatusError

    def __init__(self, answers: Answers, call_id: str, total: int) -> None:
        self.call_id = call_id
        self.total = total
        self.size = 0
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        self._heard_at = 0.0
        self._until: float | None = None
        self._room: Room
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float | None, room: Room) -> None:
        """Begins to wait: for the next part, and in all for so many seconds at most.

        Args:
            seconds: Those seconds; None: as long as parts come.
            room: What counts its bytes.
        """
        self._room = room
        self._heard_at = self._loop.time()
        self._until = None if seconds is None else self._heard_at + seconds
        self._wait()

    def end(self) -> None:
        """Lets go of the message."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._room.forget(self)

    def receive(self, message: Message) -> None:
        """Takes what the caller sends about this message."""
        if not subjects.reply_allowed(message.reply):
            self._answers.metrics.dropped("reply_subject" if message.reply else "no_reply")
            return
        self._heard_at = self._loop.time()
        try:
            self.take(message)
        except StatusError as error:
            self.end()
            lines, body = lines_of(error)
            self._answers.send(message.reply, body, lines)

    @abstractmethod
    def take(self, message: Message) -> None:
        """Goes on; an error ends the call."""

    def _end_of_patience(self) -> float:
        idle = self._heard_at + _IDLE
        return idle if self._until is None else min(idle, self._until)

    def _wait(self) -> None:
        end = self._end_of_patience()
        self._timer = self._loop.call_at(end, self._look, end)

    def _look(self, end: float) -> None:
        # What was heard meanwhile has not moved the timer.
        if self._end_of_patience() > end:
            self._wait()
        else:
            self.end()


class Arriving(Held):
    """A request whose parts are arriving."""

    no_room = Refusal

    def __init__(
        self,
        answers: Answers,
        call_id: str,
        first: Message,
        total: int,
        complete: Callable[[Message], None],
    ) -> None:
        super().__init__(answers, call_id, total)
        self._subject, self._block = first.subject, first.block
        self._complete = complete
        # Parts that were kept to be joined in the end would leave holes in the heap, each too small
        # for the next message.
        self._body = bytearray(first.body)

    def end(self) -> None:
        """Lets go of the message; one that is not complete is counted, as no call has begun."""
        if self._timer is not None and len(self._body) < self.total:
            self._answers.metrics.dropped("incomplete")
        super().end()

    def ask(self, reply: str) -> None:
        """Tells the caller how much is here."""
        lines = {
            parts.INSTANCE: self._answers.instance_id,
            parts.PART: parts.encode_part(self.total, len(self._body)),
        }
        self._answers.send(reply, b"", lines)

    def take(self, message: Message) -> None:
        part = parts.decode_part(message.headers.get(parts.PART, ""))
        size, arrived = len(message.body), len(self._body)
        if (part.total, part.offset) != (self.total, arrived) or not (
            0 < size <= self.total - arrived
        ):
            raise StatusError(Code.DATA_LOSS, "a part of the request is missing")
        self._room.take(self, size)
        self._body += message.body
        if arrived + size < self.total:
            self.ask(message.reply)
            return
        self.end()
        # Who parses it, or takes its digest, reads either type; bytes would be one more copy.
        body = cast(bytes, self._body)
        self._complete(Message(self._subject, message.reply, self._block, body))


class Kept(Held):
    """A response whose parts are being fetched."""

    def __init__(
        self, answers: Answers, call_id: str, body: bytes, lines: Mapping[str, str]
    ) -> None:
        super().__init__(answers, call_id, len(body))
        self._body = body
        opening = {
            **lines,
            parts.INSTANCE: answers.instance_id,
            parts.PART: parts.encode_part(0, 0),
        }
        self._part_size = parts.room(answers.transport.max_payload, opening)

    def publish(self, reply: str, offset: int, lines: Mapping[str, str]) -> None:
        """Sends the part that begins at an offset."""
        body = self._body[offset : offset + self._part_size]
        part = parts.encode_part(self.total, offset)
        self._answers.send(reply, body, {**lines, parts.PART: part})
        if offset + len(body) == self.total:
            self.end()

    def take(self, message: Message) -> None:
        offset = parts.decode_fetch(message.headers.get(parts.FETCH, ""))
        if offset >= self.total:
            raise StatusError(Code.OUT_OF_RANGE, f"the response has {self.total} bytes")
        self.publish(message.reply, offset, {})
