"""Calls that their caller gave up: section 6 of the wire protocol."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protonats._transport.message import Message
from protonats._wire import call, headers
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics

if TYPE_CHECKING:
    from protonats._timers import Timer, Timers
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

    def __init__(self, transport: Transport, prefix: str, metrics: Metrics, timers: Timers) -> None:
        """
        Args:
            transport: Where to subscribe.
            prefix: `svc.<domain>.<version>.`
            metrics: Where to count what is dropped.
            timers: Where to wait until an id is forgotten.
        """
        self.subject = f"{prefix}_cancel"
        self._transport = transport
        self._metrics = metrics
        self._timers = timers
        self._calls: dict[str, Callable[[], None]] = {}
        self._remembered: OrderedDict[str, float] = OrderedDict()
        self._forgetting: Timer | None = None

    async def start(self) -> Subscription:
        """Subscribes; the server knows of it after a barrier."""
        return await self._transport.subscribe(self.subject, self.receive)

    def admits(self, call_id: str) -> bool:
        """Whether a call may begin; one that was cancelled before is counted as dropped.

        Raises:
            StatusError: INVALID_ARGUMENT, a call with this id is registered.
        """
        if call_id in self._remembered:
            self._metrics.dropped("cancelled")
            return False
        if call_id in self._calls:
            raise StatusError(Code.INVALID_ARGUMENT, "there is a call with this id already")
        return True

    def register(self, call_id: str, callback: Callable[[], None]) -> None:
        """Calls back when the call, which `admits` lets begin, is cancelled."""
        self._calls[call_id] = callback

    def unregister(self, call_id: str) -> None:
        """Forgets a call that was registered: to cancel it has no effect any more."""
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

    def clear(self) -> None:
        """Forgets what is remembered: no request comes any more."""
        self._remembered.clear()
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None

    def _remember(self, call_id: str) -> None:
        remembered = self._remembered
        remembered[call_id] = asyncio.get_running_loop().time()
        remembered.move_to_end(call_id)
        if len(remembered) > _MAX_REMEMBERED:
            remembered.popitem(last=False)
        if self._forgetting is None:
            self._wait()

    def _wait(self) -> None:
        oldest = next(iter(self._remembered.values()))
        self._forgetting = self._timers.at(oldest + _KEEP, self._forget)

    def _forget(self) -> None:
        """Forgets what was remembered for long enough."""
        self._forgetting = None
        remembered, end = self._remembered, asyncio.get_running_loop().time() - _KEEP
        while remembered and next(iter(remembered.values())) <= end:
            remembered.popitem(last=False)
        if remembered:
            self._wait()
