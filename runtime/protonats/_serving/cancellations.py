"""Calls that their caller gave up: section 6 of the wire protocol."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protonats._transport.message import Message
from protonats._wire import call, headers
from protonats.errors import StatusError
from protonats.metrics import Metrics

if TYPE_CHECKING:
    from protonats._transport.transport import Subscription, Transport

_KEEP: Final = 10.0
"""Seconds for which the id of an unknown call is remembered."""

_MAX_REMEMBERED: Final = 10_000


class Cancellations:
    """Listens to what callers give up, and tells the calls of one instance.

    The id of a call that is not known is remembered for a while: its request may still come.

    Attributes:
        subject: What it subscribes to.
    """

    def __init__(self, transport: Transport, prefix: str, metrics: Metrics) -> None:
        """
        Args:
            transport: Where to subscribe.
            prefix: `svc.<domain>.<version>.`
            metrics: Where to count what is dropped.
        """
        self.subject = f"{prefix}_cancel"
        self._transport = transport
        self._metrics = metrics
        self._calls: dict[str, Callable[[], None]] = {}
        self._remembered: OrderedDict[str, float] = OrderedDict()

    async def start(self) -> Subscription:
        """Subscribes; the server knows of it after a barrier."""
        return await self._transport.subscribe(self.subject, self.receive)

    def register(self, call_id: str, callback: Callable[[], None]) -> bool:
        """Calls back when the call is cancelled; a later registration of the same call replaces it.

        Returns:
            False, if the call was cancelled already, and nothing is registered.
        """
        if self._remembered and call_id in self._remembered:
            return False
        self._calls[call_id] = callback
        return True

    def has(self, call_id: str) -> bool:
        """Whether a call that is not registered was cancelled."""
        return call_id in self._remembered

    def unregister(self, call_id: str) -> None:
        """Forgets the call: to cancel it has no effect any more."""
        self._calls.pop(call_id, None)

    def receive(self, message: Message) -> None:
        """Takes one message of the subject."""
        if message.subject != self.subject:
            self._metrics.dropped("subject")
            return
        header = call.decode_block(message.block)
        if header is None:
            try:
                header = call.decode(message.headers.get(headers.CALL, ""))
            except StatusError:
                self._metrics.dropped("malformed")
                return
        callback = self._calls.pop(header.call_id, None)
        if callback is not None:
            callback()
        else:
            self._remember(header.call_id)

    def _remember(self, call_id: str) -> None:
        now = asyncio.get_running_loop().time()
        remembered = self._remembered
        remembered[call_id] = now
        remembered.move_to_end(call_id)
        oldest = next(iter(remembered))
        while len(remembered) > _MAX_REMEMBERED or now - remembered[oldest] > _KEEP:
            del remembered[oldest]
            oldest = next(iter(remembered))
