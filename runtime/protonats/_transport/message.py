"""What passes between a transport and those who use it: messages, and news of the connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it arrived."""

    subject: str
    reply: str
    """Where an answer is expected; empty where none is."""

    headers: Mapping[str, str]
    body: bytes
    status: str = ""
    """The status of the header block, `503`; as a rule there is none."""


Callback = Callable[[Message], None]


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
