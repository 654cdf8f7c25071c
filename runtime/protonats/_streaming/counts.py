"""What is counted about the streams of one method, on one side."""

from __future__ import annotations

from typing import Protocol


class HasCredit(Protocol):
    """One direction of an open stream."""

    @property
    def credit(self) -> int:
        """How many messages may be sent now."""
        ...


class StreamCounts:
    """Plain integers, added to by the streams themselves.

    Attributes:
        sent: Messages sent.
        received: Messages received.
        open: The outgoing directions of the streams that are open.
    """

    __slots__ = ("open", "received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.open: set[HasCredit] = set()

    @property
    def credit(self) -> int:
        """How many messages may be sent now, on all open streams together."""
        return sum(sender.credit for sender in self.open)
