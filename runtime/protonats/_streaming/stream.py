"""One streaming call on one side: what both sides do alike."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message as ProtobufMessage

from protonats._streaming.counts import StreamCounts
from protonats._streaming.receiver import Receiver
from protonats._streaming.sender import Sender
from protonats._transport.message import Message
from protonats._wire import frames
from protonats._wire.stream_header import StreamHeader
from protonats.connection import Connection
from protonats.errors import Code, StatusError

_SILENT_INTERVALS: Final = 3

_LONGEST_INTERVAL: Final = 60.0
"""Seconds that the other side may announce between two signs of life; more count as these, unless
this side takes longer itself."""


class Stream(ABC):
    """Both directions of a call.

    Attributes:
        sender: The outgoing direction.
        receiver: The incoming direction.
        ended: Whether the call is over, for whatever reason.
    """

    __slots__ = (
        "__weakref__",
        "_connection",
        "_heard",
        "_heard_at",
        "_malformed",
        "_silence",
        "_subject",
        "ended",
        "receiver",
        "sender",
    )

    receiver: Receiver[Any]

    def __init__(
        self,
        connection: Connection,
        message: type[ProtobufMessage],
        counts: StreamCounts,
        *,
        malformed: Code,
        check: Callable[[Any], None] | None,
        messages: int,
    ) -> None:
        """
        Args:
            connection: Where the call is made or served.
            message: The class of the messages that come in.
            counts: Where to count.
            malformed: The status of what cannot be read.
            check: Raises `StatusError` for an incoming message that breaks a rule.
            messages: How many incoming messages may wait for their reader.
        """
        settings = connection._settings
        self._connection = connection
        self._malformed = malformed
        self._subject = ""
        self._heard = False
        self._heard_at = asyncio.get_running_loop().time()
        self._silence = _SILENT_INTERVALS * settings.keepalive_interval
        self.ended = False
        self.sender = Sender(connection._transport, counts, connection.max_message_size, self.abort)
        self.receiver = Receiver(
            message,
            counts,
            messages=messages,
            size=settings.stream_bytes,
            max_size=connection.max_message_size,
            malformed=malformed,
            check=check,
            grant=self._grant,
            pause=self.sender.flush,
            on_defect=self._refuse_message,
        )

    @abstractmethod
    def abort(self, error: StatusError) -> None:
        """Ends the call with an error, unless it is over, and tells the other side."""

    @abstractmethod
    def lose(self, error: StatusError) -> None:
        """Ends the call with an error, unless it is over, and sends nothing."""

    def leave(self) -> None:
        """Ends the call, unless it is over, as this side closes its connection, and tells the other
        side."""
        self.abort(StatusError(Code.UNAVAILABLE, "the other side closed its connection"))

    @abstractmethod
    def _refuse_message(self, error: StatusError) -> None:
        """Ends the call, as its reader has taken a message that is none; the reader gets the error
        too."""

    @abstractmethod
    def _receive_headers(self, message: Message) -> bool:
        """Reads the header block of a message, and whatever comes before the stream is open; False
        if there is nothing more in it."""

    def receive(self, message: Message) -> None:
        """Takes a message of the other side."""
        if self.ended:
            self._connection.metrics.dropped("stream_ended")
            return
        self._heard = True
        try:
            if (message.block or not self._subject) and not self._receive_headers(message):
                return
            self._receive_frame(message.body)
        except frames.MalformedFrame as error:
            self.abort(StatusError(self._malformed, str(error)))
        except StatusError as error:
            self.abort(error)

    def tend(self, now: float) -> None:
        """Sends a KEEPALIVE where nothing else was sent lately, and ends the call where the other
        side has sent nothing for too long."""
        if self._heard:
            self._heard = False
            self._heard_at = now
        elif now - self._heard_at > self._silence:
            text = f"the other side of the stream was silent for {now - self._heard_at:.1f} s"
            self.abort(StatusError(Code.UNAVAILABLE, text))
            return
        if self.sender.active:
            self.sender.active = False
        elif self._subject:
            self._send(frames.KEEPALIVE_FRAME)
            self.sender.active = False

    def forgive(self, now: float) -> None:
        """Counts the silence of the other side from `now`."""
        self._heard_at = now

    def _begin(self, subject: str, header: StreamHeader) -> None:
        """Opens the outgoing direction, with what the other side has announced."""
        self._subject = subject
        own = self._connection._settings.keepalive_interval
        self._silence = _SILENT_INTERVALS * min(header.interval, max(own, _LONGEST_INTERVAL))
        self.sender.open(subject, header.messages, header.size)

    def _announcement(self) -> StreamHeader:
        """What this side announces."""
        receiver, interval = self.receiver, self._connection._settings.keepalive_interval
        return StreamHeader(0, receiver.granted, receiver.granted_size, interval)

    def _receive_frame(self, frame: bytes) -> None:
        if not frame:
            raise frames.MalformedFrame("a frame is empty")
        kind = frame[0]
        if kind == frames.DATA:
            self.receiver.data(frame)
        elif kind == frames.PART:
            self.receiver.part(frame)
        elif kind == frames.CREDIT:
            self.sender.grant(*frames.read_credit(frame))

    def _grant(self, messages: int, size: int) -> None:
        if self._subject:
            self._send(frames.credit(messages, size))

    def _send(self, frame: bytes, block: bytes = b"") -> None:
        self.sender.active = True
        try:
            self._connection._transport.publish(self._subject, frame, block=block)
        except StatusError as error:
            self.abort(error)
