"""Large messages on the side of the instance: section 9 of the wire protocol."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from protonats._transport.message import Message
from protonats._wire import headers, parts, status, subjects
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._serving.serving import Serving

_KEEP: Final = 30.0
"""Seconds for which a message is held at most, however far its deadline is."""


class LargeMessages:
    """The requests that are arriving in parts, and the responses that are being fetched.

    Together they hold a bounded number of bytes: what would go beyond is refused.
    """

    def __init__(self, serving: Serving, *, max_message_size: int, max_bytes: int) -> None:
        """
        Args:
            serving: What the calls of the instance share.
            max_message_size: The longest message, in bytes.
            max_bytes: How many bytes all of them may have together.
        """
        self._serving = serving
        self._max_message_size = max_message_size
        self._max_bytes = max_bytes
        self._bytes = 0
        self._held: dict[str, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def receive(
        self,
        message: Message,
        call_id: str,
        remaining: float | None,
        complete: Callable[[Message], None],
    ) -> None:
        """Takes the first part of a request, and asks for the rest.

        Args:
            message: The first part.
            call_id: The id of the call.
            remaining: Seconds that the call may take; None: without a deadline.
            complete: Called with the whole request, whose reply subject is that of its last part.

        Raises:
            StatusError: RESOURCE_EXHAUSTED for a message that is too long, or where there is no
                room for it; INVALID_ARGUMENT for a malformed part.
        """
        part = parts.decode_part(message.headers[parts.PART])
        parts.check_total(part.total, self._max_message_size, "the request")
        if part.offset or not message.body or len(message.body) >= part.total:
            raise StatusError(Code.INVALID_ARGUMENT, "this is not the first part of a message")
        arriving = _Arriving(self._serving, message, part.total, complete)
        if self._hold(call_id, arriving, remaining):
            arriving.ask(message.reply)

    def answer(
        self,
        reply: str,
        body: bytes,
        lines: Mapping[str, str],
        call_id: str,
        remaining: float | None,
    ) -> None:
        """Answers with the first part of a response, and keeps the rest until it is fetched.

        Raises:
            StatusError: RESOURCE_EXHAUSTED for a message that is too long, or where there is no
                room for it.
        """
        parts.check_total(len(body), self._max_message_size, "the response")
        kept = _Kept(self._serving, body, lines)
        if self._hold(call_id, kept, remaining):
            kept.publish(reply, 0, {**lines, parts.INSTANCE: self._serving.instance_id})

    def clear(self) -> None:
        """Lets go of all messages."""
        for held in list(self._held.values()):
            held.end()

    def _hold(self, call_id: str, held: _Held, remaining: float | None) -> bool:
        """Makes room for a message; False where its call was cancelled meanwhile."""
        if self._bytes + held.total > self._max_bytes:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"the instance holds {self._bytes} bytes of large messages already, and no more"
                f" than {self._max_bytes} fit",
            )
        if call_id in self._held:
            raise StatusError(Code.INVALID_ARGUMENT, "there is a call with this id already")
        if not self._serving.cancellations.register(call_id, held.end):
            self._serving.metrics.dropped("cancelled")
            return False
        self._serving.follow_ups.register(call_id, held.receive)
        self._held[call_id] = held
        self._bytes += held.total

        def forget() -> None:
            if self._held.pop(call_id, None) is not None:
                self._bytes -= held.total
                self._serving.follow_ups.unregister(call_id)
                self._serving.cancellations.unregister(call_id)

        held.begin(forget, _KEEP if remaining is None else min(remaining, _KEEP))
        return True


class _Held(ABC):
    """A message that is on its way in parts."""

    def __init__(self, serving: Serving, total: int) -> None:
        self.total = total
        self._serving = serving
        self._forget: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, forget: Callable[[], None], seconds: float) -> None:
        """Takes note of how to let go of the message, at the latest after some seconds."""
        self._forget = forget
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def end(self) -> None:
        """Lets go of the message."""
        if self._timer is not None:
            self._timer.cancel()
        forget, self._forget = self._forget, None
        if forget is not None:
            forget()

    def receive(self, message: Message) -> None:
        """Takes what the caller sends about this message."""
        if not subjects.reply_allowed(message.reply):
            self._serving.metrics.dropped("reply_subject" if message.reply else "no_reply")
            return
        try:
            self.take(message)
        except StatusError as error:
            self.end()
            lines, body = status.encode(error)
            self._send(message.reply, body, lines)

    @abstractmethod
    def take(self, message: Message) -> None:
        """Goes on; an error ends the call."""

    def _send(self, reply: str, body: bytes, lines: Mapping[str, str]) -> None:
        try:
            self._serving.transport.publish(reply, body, block=headers.encode(lines))
        except StatusError:
            self._serving.metrics.dropped("answer")


class _Arriving(_Held):
    """A request whose parts are arriving."""

    def __init__(
        self,
        serving: Serving,
        first: Message,
        total: int,
        complete: Callable[[Message], None],
    ) -> None:
        super().__init__(serving, total)
        self._first = first
        self._complete = complete
        self._body = bytearray(first.body)

    def end(self) -> None:
        """Lets go of the message; one that is not complete is counted, as no call has begun."""
        if self._forget is not None and len(self._body) < self.total:
            self._serving.metrics.dropped("incomplete")
        super().end()

    def ask(self, reply: str) -> None:
        """Tells the caller how much is here."""
        lines = {
            parts.INSTANCE: self._serving.instance_id,
            parts.PART: parts.encode_part(self.total, len(self._body)),
        }
        self._send(reply, b"", lines)

    def take(self, message: Message) -> None:
        part = parts.decode_part(message.headers.get(parts.PART, ""))
        left = self.total - len(self._body)
        if (part.total, part.offset) != (self.total, len(self._body)) or not (
            0 < len(message.body) <= left
        ):
            raise StatusError(Code.DATA_LOSS, "a part of the request is missing")
        self._body += message.body
        if len(self._body) < self.total:
            self.ask(message.reply)
            return
        self.end()
        first = self._first
        self._complete(Message(first.subject, message.reply, first.block, bytes(self._body)))


class _Kept(_Held):
    """A response whose parts are being fetched."""

    def __init__(self, serving: Serving, body: bytes, lines: Mapping[str, str]) -> None:
        super().__init__(serving, len(body))
        self._body = body
        opening = {
            **lines,
            parts.INSTANCE: serving.instance_id,
            parts.PART: parts.encode_part(0, 0),
        }
        self._room = parts.room(serving.transport.max_payload, opening)

    def publish(self, reply: str, offset: int, lines: Mapping[str, str]) -> None:
        """Sends the part that begins at an offset."""
        body = self._body[offset : offset + self._room]
        self._send(reply, body, {**lines, parts.PART: parts.encode_part(self.total, offset)})
        if offset + len(body) == self.total:
            self.end()

    def take(self, message: Message) -> None:
        offset = parts.decode_fetch(message.headers.get(parts.FETCH, ""))
        if offset >= self.total:
            raise StatusError(Code.OUT_OF_RANGE, f"the response has {self.total} bytes")
        self.publish(message.reply, offset, {})
