"""What follows the first message of a call: frames of streams, parts of large messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from protonats._transport.message import Message
from protonats._wire import headers, status, subjects
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics

if TYPE_CHECKING:
    from protonats._transport.transport import Subscription, Transport


class FollowUps:
    """The subject `<prefix>_i.<instance>.*` of one instance.

    Attributes:
        subject: What it subscribes to.
    """

    def __init__(self, transport: Transport, prefix: str, instance: str, metrics: Metrics) -> None:
        """
        Args:
            transport: Where to subscribe, and to answer.
            prefix: `svc.<domain>.<version>.`
            instance: The id of the instance.
            metrics: Where to count what is dropped.
        """
        self._prefix = f"{prefix}_i.{instance}."
        self.subject = self._prefix + "*"
        self._transport = transport
        self._metrics = metrics
        self._calls: dict[str, Callable[[Message], None]] = {}

    async def start(self) -> Subscription:
        """Subscribes; the server knows of it after a barrier."""
        return await self._transport.subscribe(self.subject, self.receive)

    def register(self, call_id: str, callback: Callable[[Message], None]) -> None:
        """Calls back for each message about a call."""
        self._calls[call_id] = callback

    def unregister(self, call_id: str) -> None:
        """Forgets the call."""
        self._calls.pop(call_id, None)

    def receive(self, message: Message) -> None:
        """Takes one message of the subject."""
        subject = message.subject
        if not subject.startswith(self._prefix):
            self._metrics.dropped("subject")
            return
        callback = self._calls.get(subject[len(self._prefix) :])
        if callback is not None:
            callback(message)
            return
        self._metrics.dropped("unknown_call")
        if message.reply and subjects.reply_allowed(message.reply):
            self._refuse(message.reply)

    def _refuse(self, reply: str) -> None:
        lines, body = status.encode(
            StatusError(Code.DATA_LOSS, "this instance does not have the call any more")
        )
        try:
            self._transport.publish(reply, body, block=headers.encode(lines))
        except StatusError:
            self._metrics.dropped("answer")
