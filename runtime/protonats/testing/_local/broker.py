"""What a nats-server does with messages: subjects, wildcards, queue groups, no responders."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from protonats._transport.message import Callback, Message
from protonats._wire import headers, subjects
from protonats.errors import StatusError
from protonats.testing._faults import Faults

_logger = logging.getLogger("protonats")

NO_RESPONDERS: Final = headers.encode({}, status=headers.NO_RESPONDERS)


class Interest:
    """A subscription as the broker knows it."""

    __slots__ = ("callback", "port", "queue", "subject")

    def __init__(self, port: Port, subject: str, queue: str, callback: Callback) -> None:
        self.port = port
        self.subject = subject
        self.queue = queue
        self.callback = callback


class Broker:
    """Takes messages from its ports to those that are subscribed.

    Attributes:
        max_payload: The largest message, header block included, in bytes.
        faults: What goes wrong on the way.
    """

    def __init__(self, *, max_payload: int, faults: Faults, seed: int) -> None:
        self.max_payload = max_payload
        self.faults = faults
        self.loop = asyncio.get_running_loop()
        self._random = random.Random(seed)
        self._exact: dict[str, list[Interest]] = {}
        self._patterns: list[Interest] = []
        self._epoch = time.time() - self.loop.time()
        self.server = Port(self, lambda reason: None)
        """What the server itself sends by, and the services that it has built in."""
        self.server.connect()

    def wall_time(self) -> int:
        """Nanoseconds since 1970, in the time of the loop."""
        return int((self._epoch + self.loop.time()) * 1_000_000_000)

    def add(self, interest: Interest) -> None:
        """Begins to deliver."""
        self._home(interest.subject).append(interest)

    def remove(self, interest: Interest) -> None:
        """Ceases to deliver, if it did."""
        home = self._home(interest.subject)
        if interest in home:
            home.remove(interest)
        if not home:
            self._exact.pop(interest.subject, None)

    def reaches(self, subject: str) -> bool:
        """Whether anybody is subscribed who can be reached now."""
        return bool(self._interests(subject))

    def route(self, target: str, message: Message) -> None:
        """Delivers a message that was sent to `target`."""
        groups: dict[str, list[Interest]] = {}
        chosen: list[Interest] = []
        for interest in self._interests(target):
            if interest.queue:
                groups.setdefault(interest.queue, []).append(interest)
            else:
                chosen.append(interest)
        chosen += map(self._random.choice, groups.values())
        for interest in chosen:
            interest.port.deliver(interest, message)
        if not chosen and message.reply:
            self.server.send(message.reply, Message(message.reply, "", NO_RESPONDERS, b""))

    def _interests(self, subject: str) -> list[Interest]:
        found = [item for item in self._exact.get(subject, ()) if item.port.connected]
        found += [
            item
            for item in self._patterns
            if item.port.connected and subjects.matches(item.subject, subject)
        ]
        return found

    def _home(self, subject: str) -> list[Interest]:
        if "*" in subject or subject.endswith(">"):
            return self._patterns
        return self._exact.setdefault(subject, [])


class Port:
    """One connection to the broker. What is sent by it arrives in its order, as far as the faults
    leave it.

    Attributes:
        connected: Whether anything passes.
        unsent: How many bytes are on their way to the broker.
    """

    def __init__(self, broker: Broker, on_drop: Callable[[str], None]) -> None:
        self.connected = False
        self.unsent = 0
        self._broker = broker
        self._loop = broker.loop
        self._on_drop = on_drop
        self._interests: list[Interest] = []
        self._under_way: list[tuple[float, int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._barriers: set[asyncio.Future[None]] = set()

    def connect(self) -> None:
        """Lets messages pass."""
        self.connected = True

    def cut(self, error: StatusError) -> None:
        """Lets nothing pass; what is under way is lost, and who awaits its arrival gets `error`."""
        self.connected = False
        self._under_way.clear()
        self.unsent = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for barrier in self._barriers:
            if not barrier.done():
                barrier.set_exception(error)
        self._barriers.clear()

    def subscribe(self, subject: str, callback: Callback, *, queue: str = "") -> Interest:
        """Subscribes, across interruptions."""
        interest = Interest(self, subject, queue, callback)
        self._interests.append(interest)
        self._broker.add(interest)
        return interest

    def unsubscribe(self, interest: Interest) -> None:
        """Ends a subscription."""
        if interest in self._interests:
            self._interests.remove(interest)
        self._broker.remove(interest)

    def unsubscribe_all(self) -> None:
        """Ends all subscriptions."""
        for interest in tuple(self._interests):
            self.unsubscribe(interest)

    def send(self, target: str, message: Message) -> None:
        """Sends a message; `message.subject` is what its receiver sees."""
        size = len(message.block) + len(message.body)
        for delay, in_order in self._broker.faults.fate(message.subject):
            self._start(delay, in_order, size, lambda: self._broker.route(target, message))

    async def barrier(self) -> None:
        """Returns when everything has arrived that was sent before.

        Raises:
            StatusError: It cannot: the port was cut.
        """
        arrived = self._loop.create_future()
        self._barriers.add(arrived)
        self._start(self._broker.faults.latency, True, 0, lambda: _resolve(arrived))
        try:
            await arrived
        finally:
            self._barriers.discard(arrived)

    def deliver(self, interest: Interest, message: Message) -> None:
        """Hands a message to a subscription, unless it has ended meanwhile."""
        if not self.connected or interest not in self._interests:
            return
        try:
            interest.callback(message)
        except (Exception, asyncio.CancelledError):
            _logger.exception("the callback for %s failed", message.subject)
            self._on_drop("defect")

    def _start(self, delay: float, in_order: bool, size: int, arrive: Callable[[], None]) -> None:
        when = self._loop.time() + delay
        if in_order:
            when = self._last = max(when, self._last)
        self.unsent += size
        heapq.heappush(self._under_way, (when, next(self._numbers), size, arrive))
        if self._timer is None or when < self._timer.when():
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._under_way[0][0], self._arrive)

    def _arrive(self) -> None:
        self._timer = None
        under_way = self._under_way
        # A loop may be early, by the resolution of its clock.
        now = max(self._loop.time(), under_way[0][0])
        # What is sent meanwhile waits for the next turn of the loop, as it would for a socket.
        for _ in range(len(under_way)):
            if not under_way or under_way[0][0] > now:
                break
            _, _, size, arrive = heapq.heappop(under_way)
            self.unsent -= size
            arrive()
        if under_way and self._timer is None:
            self._arm()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
