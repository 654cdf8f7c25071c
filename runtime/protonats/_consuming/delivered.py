"""What is known about a delivered event, read when a handler asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from protonats._consuming.delivery import Delivery
from protonats._transport.message import Message
from protonats._wire import events as wire
from protonats.connection import Connection
from protonats.events import EventContext

IN_PROGRESS = b"+WPI"


class DeliveredContext(EventContext):
    """The context of one delivery."""

    __slots__ = ("_connection", "_from", "_message")

    def __init__(self, connection: Connection, message: Message, delivery: Delivery | None) -> None:
        """
        Args:
            connection: What the message came by.
            message: The message.
            delivery: What its reply subject says; None: nobody has read that yet.
        """
        self._connection = connection
        self._message = message
        self._from = delivery

    @property
    def subject(self) -> str:
        """The subject that it was published to."""
        return self._message.subject

    @property
    def event_id(self) -> str:
        """Its id."""
        return wire.event_id(self._message.headers)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the publisher sent along."""
        return wire.event_metadata(self._message.headers)

    @property
    def stream(self) -> str:
        """The stream that it is stored in."""
        return self._read().stream

    @property
    def sequence(self) -> int:
        """Its sequence in the stream."""
        return self._read().sequence

    @property
    def delivery(self) -> int:
        """How often it has been delivered."""
        return self._read().number

    @property
    def published_at(self) -> datetime:
        """When the stream stored it."""
        return datetime.fromtimestamp(self._read().nanoseconds / 1_000_000_000, UTC)

    @property
    def trace(self) -> str | None:
        """The publisher's `traceparent`."""
        return wire.block_trace(self._message.block)

    @property
    def replayed(self) -> bool:
        """Whether it was a dead letter."""
        return wire.is_replay(self._message.block)

    async def in_progress(self) -> None:
        """Tells the stream that the handler is still at work."""
        self._connection._transport.publish(self._message.reply, IN_PROGRESS)

    def _read(self) -> Delivery:
        if self._from is None:
            self._from = Delivery.read(self._message)
        return self._from
