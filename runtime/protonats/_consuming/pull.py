"""One long-lived pull of a durable consumer (JetStream, ADR-13).

The server is asked for as many messages as there is room for, and for more before those have come.
It forgets what it was asked for when the connection is lost, and is asked again after a reconnect.
It sends a heartbeat while it has nothing else: silence means that something is wrong there, and it
is asked again as well.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable
from typing import Final

from protonats._transport.message import Message
from protonats._transport.transport import Subscription
from protonats._wire import subjects
from protonats._wire.numbers import number
from protonats.connection import Connection
from protonats.errors import StatusError

_logger = logging.getLogger("protonats")

_EXPIRES: Final = 30.0
_HEARTBEAT: Final = 1.0
_SILENCE: Final = 2.5 * _HEARTBEAT
_WATCH: Final = 0.2
_FIRST_PAUSE: Final = 0.1
_LAST_PAUSE: Final = 5.0

_IDLE: Final = "100"
_PENDING: Final = "Nats-Pending-Messages"
_BENIGN: Final = frozenset({"404", "408"})
# Reasons of status 409 that end one request and say nothing about the next.
_ENDED: Final = ("leadership change", "server shutdown", "message size exceeds maxbytes")


class Pull:
    """Messages of one consumer, as they come.

    Attributes:
        problem: Why the server does not deliver; None while it does.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        stream: str,
        durable: str,
        capacity: int,
        on_message: Callable[[Message], None],
    ) -> None:
        """
        Args:
            connection: Where the stream is.
            stream: The stream.
            durable: The name of the consumer.
            capacity: How many messages may be here at once; `release` gives the room of one back.
            on_message: Called for each message, in the order in which they come.
        """
        self.problem: str | None = None
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._durable = durable
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._inbox = subjects.inbox_prefix(connection.name, secrets.token_hex(16))
        self._capacity = capacity
        self._worth_asking = max(capacity // 2, 1)
        self._on_message = on_message
        self._asked = 0
        self._held = 0
        self._heard = 0.0
        self._silent = True
        self._pause = _FIRST_PAUSE
        self._paused = False
        self._paused_until = 0.0
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribes and begins to ask.

        Raises:
            StatusError: UNAVAILABLE, the connection is closed.
        """
        transport = self._connection._transport
        self._subscription = await transport.subscribe(f"{self._inbox}*", self._receive)
        self._connection._on_restored.add(self._ask_anew)
        self._task = asyncio.create_task(self._keep_asking(), name=f"pull {self._durable}")

    async def stop(self) -> None:
        """Asks no more; returns when everything that had arrived was handed over."""
        self._connection._on_restored.discard(self._ask_anew)
        self._paused = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        if self._subscription is not None:
            await self._connection._transport.unsubscribe(self._subscription)
            self._subscription = None

    def release(self) -> None:
        """Gives back the room of one message."""
        self._held -= 1
        if self._capacity - self._held - self._asked >= self._worth_asking and not self._paused:
            self._ask()

    async def _keep_asking(self) -> None:
        loop = self._loop
        self._heard = loop.time()
        while True:
            self._wake.clear()
            wait = _WATCH
            if self._paused and loop.time() < self._paused_until:
                wait = self._paused_until - loop.time()
            else:
                self._paused = False
                self._ask()
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                self._notice_silence()

    def _ask_anew(self) -> None:
        self._asked = 0
        self._paused = False
        self._heard = self._loop.time()
        self._wake.set()

    def _notice_silence(self) -> None:
        now = self._loop.time()
        if not self._silent:
            self._silent = True
            self._heard = now
        if self._asked and self._connection.is_connected and now - self._heard >= _SILENCE:
            self._asked = 0
            self._fail("JetStream does not answer")

    def _ask(self) -> None:
        room = self._capacity - self._held - self._asked
        if room <= 0 or (self._asked and room < self._worth_asking):
            return
        request = {
            "batch": room,
            "expires": int(_EXPIRES * 1e9),
            "idle_heartbeat": int(_HEARTBEAT * 1e9),
        }
        # The last token of an inbox is random: nobody can guess where to send a message of his own.
        reply = self._inbox + secrets.token_hex(16)
        try:
            self._connection._transport.publish(
                self._next, json.dumps(request).encode(), reply=reply
            )
        except StatusError:
            return
        self._asked += room
        self._heard = self._loop.time()

    def _receive(self, message: Message) -> None:
        self._silent = False
        # A delivery has a reply subject, and whatever headers its publisher gave it.
        if not message.reply and message.status:
            self._read_status(message)
            return
        if self.problem is not None or self._pause > _FIRST_PAUSE:
            self._recovered()
        if self._asked:
            self._asked -= 1
        self._held += 1
        self._on_message(message)

    def _read_status(self, message: Message) -> None:
        if message.status == _IDLE:
            self._recovered()
            return
        reason = message.description or "no consumer answers"
        # Where the server does not say how much of a request is left, all of them count as ended.
        pending = number(message.headers.get(_PENDING, ""))
        self._asked = 0 if pending is None else max(self._asked - pending, 0)
        if message.status not in _BENIGN and not reason.lower().startswith(_ENDED):
            self._fail(f"{message.status} {reason}")
        self._wake.set()

    def _recovered(self) -> None:
        if self.problem is not None:
            _logger.info("consumer %s delivers again", self._durable)
        self.problem = None
        self._pause = _FIRST_PAUSE

    def _fail(self, reason: str) -> None:
        if self.problem != reason:
            _logger.warning("consumer %s does not deliver: %s", self._durable, reason)
        self.problem = reason
        self._paused = True
        self._paused_until = self._loop.time() + self._pause
        self._pause = min(self._pause * 2, _LAST_PAUSE)
