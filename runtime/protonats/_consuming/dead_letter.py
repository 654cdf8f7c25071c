"""Messages that could not be handled: where they go, and why (section 11 of the wire protocol)."""

from __future__ import annotations

from typing import Final

from protonats._consuming.delivery import Delivery
from protonats._publishing import TooLargeError, store
from protonats._transport.message import Message
from protonats._wire import events as wire
from protonats._wire import headers
from protonats.connection import Connection
from protonats.errors import Code

_REMEMBERED: Final = 1000
_LONGEST: Final = 512
"""Characters of a text; the header that it goes into holds as many bytes."""


class FailureTexts:
    """Why messages failed the last time, for the dead letter that may become of them.

    Only what failed in this process is known, and of that no more than the last thousand messages.
    """

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def remember(self, sequence: int, error: BaseException) -> None:
        """Notes the failure of a message, by its sequence in the stream."""
        self._texts.pop(sequence, None)
        self._texts[sequence] = f"{type(error).__name__}: {error}"[:_LONGEST]
        if len(self._texts) > _REMEMBERED:
            del self._texts[next(iter(self._texts))]

    def forget(self, sequence: int) -> None:
        """Drops what is known of a message that has come to its end."""
        self._texts.pop(sequence, None)

    def text(self, delivery: Delivery) -> str:
        """Why a message that was delivered once too often was not handled."""
        known = self._texts.get(delivery.sequence)
        if known is not None:
            return known
        return (
            f"delivered {delivery.number - 1} times and not acknowledged; the reason is in the log"
            " of the instance that had it"
        )


async def bury(
    connection: Connection, message: Message, delivery: Delivery, deliveries: int, error: str
) -> None:
    """Publishes the dead letter of a message; returns when a stream has stored it.

    Args:
        connection: Where the streams are.
        message: The message.
        delivery: The delivery at which it becomes a dead letter.
        deliveries: How often it was delivered to be handled.
        error: Why it could not be handled.

    Raises:
        StatusError: It is not stored; FAILED_PRECONDITION if no stream takes dead letters.
    """
    stream, consumer = delivery.stream, delivery.consumer
    subject = wire.dead_letter_subject(stream, consumer)
    letter = wire.dead_letter_id(stream, delivery.sequence, consumer)
    lines = wire.dead_letter_headers(
        stream=stream,
        consumer=consumer,
        sequence=delivery.sequence,
        subject=message.subject,
        lines=message.headers,
        deliveries=deliveries,
        error=error,
    )
    block, body = headers.encode(lines), message.body
    try:
        if len(block) + len(body) > connection.max_payload:
            raise TooLargeError(Code.RESOURCE_EXHAUSTED)
        await store(connection, subject, body, block, letter)
    except TooLargeError:
        # What is known about it comes on top of a message that had filled the limit.
        middle = len(body) // 2
        rest = wire.rest_headers(letter)
        ack = await store(
            connection, subject, body[middle:], headers.encode(rest), rest[wire.MSG_ID]
        )
        lines[wire.REST] = str(ack.sequence)
        await store(connection, subject, body[:middle], headers.encode(lines), letter)
