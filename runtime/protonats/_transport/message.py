"""What passes between a transport and those who use it: messages, and news of the connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from protonats._wire import headers as header_rules


class Message:
    """One message as it arrived. Its header block is read when somebody asks for a line of it.

    Attributes:
        subject: What it was sent to.
        reply: Where an answer is expected; empty where none is.
        block: The header block as bytes; empty where there is none.
        body: What follows the header block.
    """

    __slots__ = ("_read", "block", "body", "reply", "subject")

    def __init__(self, subject: str, reply: str, block: bytes, body: bytes) -> None:
        self.subject = subject
        self.reply = reply
        self.block = block
        self.body = body
        self._read: header_rules.HeaderBlock | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The header lines; of a name that appears twice, the first one."""
        return self._header_block().lines

    @property
    def status(self) -> str:
        """The status of the header block, `503`; as a rule there is none."""
        return self._header_block().status if self.block else ""

    @property
    def description(self) -> str:
        """What the header block says about its status, `Leadership Change`; may be empty."""
        return self._header_block().description if self.block else ""

    def _header_block(self) -> header_rules.HeaderBlock:
        if self._read is None:
            self._read = header_rules.decode(self.block)
        return self._read


Callback = Callable[[Message], None]

UNREADABLE: Final = b"NATS/1.0\r\nPn-Event: unreadable\r\n\r\n"
"""The header block of a message whose own cannot be read."""

_DELIVERED: Final = b"$JS.ACK."


def rescued(subject: bytes, reply: bytes, content: bytes) -> Message | None:
    """What to hand over of a message whose subject or header block cannot be read; None: nothing.

    A stream would deliver it again and again, until somebody answers: whoever does finds an event
    of a type that cannot be read, and all that came as its body.
    """
    if not reply.startswith(_DELIVERED):
        return None
    return Message(
        subject.decode("utf-8", "replace"), reply.decode("utf-8", "replace"), UNREADABLE, content
    )


class Listener(Protocol):
    """What a transport reports."""

    def connection_lost(self) -> None:
        """The connection broke; the transport tries to get a new one."""

    def connection_restored(self) -> None:
        """There is a connection again, and all subscriptions are renewed."""

    def connection_closed(self, reason: str) -> None:
        """There will not be a connection again."""

    def publish_denied(self, subject: str) -> None:
        """The server refused a message; `subject` is in lower case, as its errors are read."""

    def message_dropped(self, reason: str) -> None:
        """A message was thrown away before any callback saw it."""
