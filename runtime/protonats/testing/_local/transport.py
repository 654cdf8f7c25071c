"""A connection to the broker of this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from nats.js import JetStreamContext

from protonats._transport.message import Callback, Listener, Message
from protonats._transport.sending import (
    LOW_WATER,
    MAX_UNSENT,
    buffer_full,
    check_subject,
    no_connection,
    too_large,
)
from protonats._transport.transport import Subscription, TakeAnswer
from protonats.errors import Code, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing._local.broker import Broker, Interest, Port
from protonats.testing._local.jetstream_client import JetStreamRequests

if TYPE_CHECKING:
    from nats.aio.client import Client


class LocalTransport:
    """A `Transport` to a `Broker`."""

    def __init__(self, broker: Broker, settings: ConnectionSettings, listener: Listener) -> None:
        self._broker = broker
        self._settings = settings
        self._listener = listener
        self._port = Port(broker, listener.message_dropped)
        self._interests: dict[Subscription, Interest] = {}
        self._reachable = asyncio.Event()
        self._reachable.set()
        self._opened = False
        self._closed = False
        self._jetstream: JetStreamContext | None = None

    @property
    def connected(self) -> bool:
        """As `Transport.connected`."""
        return self._port.connected

    @property
    def max_payload(self) -> int:
        """As `Transport.max_payload`."""
        return self._broker.max_payload

    @property
    def unsent(self) -> int:
        """As `Transport.unsent`."""
        return self._port.unsent

    @property
    def jetstream(self) -> JetStreamContext:
        """As `Transport.jetstream`, without push consumers and watched buckets."""
        if self._jetstream is None:
            client = JetStreamRequests(self._port, self._broker.max_payload, self._settings.name)
            self._jetstream = JetStreamContext(cast("Client", client))
        return self._jetstream

    async def open(self) -> None:
        """As `Transport.open`."""
        try:
            async with asyncio.timeout(self._settings.startup_timeout):
                await self._reachable.wait()
        except TimeoutError:
            text = f"the platform is disconnected for {self._settings.startup_timeout:g} s"
            raise StatusError(Code.UNAVAILABLE, text) from None
        self._opened = True
        self._port.connect()

    def publish(self, subject: str, body: bytes, *, reply: str = "", block: bytes = b"") -> None:
        """As `Transport.publish`."""
        port = self._port
        if not port.connected:
            raise no_connection()
        check_subject(subject)
        check_subject(reply or subject)
        size = len(block) + len(body)
        if size > self._broker.max_payload:
            raise too_large(subject, size, self._broker.max_payload)
        if port.unsent + size > MAX_UNSENT:
            raise buffer_full(port.unsent)
        # A view of something that changes would change what arrives.
        port.send(subject, Message(subject, reply, bytes(block), bytes(body)))

    def send(self, subject: str, reply: str, block: bytes, body: bytes) -> None:
        """As `Transport.send`."""
        self.publish(subject, body, reply=reply, block=block)

    async def writable(self) -> None:
        """As `Transport.writable`."""
        if not self.connected:
            raise no_connection()
        while self._port.unsent >= LOW_WATER:
            await self._port.barrier()

    async def subscribe(self, subject: str, callback: Callback, *, queue: str = "") -> Subscription:
        """As `Transport.subscribe`."""
        if self._closed:
            raise StatusError(Code.UNAVAILABLE, f"cannot subscribe to {subject}: it is closed")
        subscription = Subscription(subject)
        self._interests[subscription] = self._port.subscribe(subject, callback, queue=queue)
        return subscription

    def expect_answers(self, inbox: Subscription, prefix: str, take: TakeAnswer) -> None:
        """As `Transport.expect_answers`: the callback gets all."""

    async def unsubscribe(self, *subscriptions: Subscription) -> None:
        """As `Transport.unsubscribe`."""
        for subscription in subscriptions:
            interest = self._interests.pop(subscription, None)
            if interest is not None:
                self._port.unsubscribe(interest)

    async def barrier(self) -> None:
        """As `Transport.barrier`."""
        if not self.connected:
            raise no_connection()
        await self._port.barrier()

    async def close(self) -> None:
        """As `Transport.close`."""
        if self._closed:
            return
        try:
            if self.connected:
                await self._port.barrier()
        finally:
            self._closed = True
            self._port.unsubscribe_all()
            self._port.cut(no_connection())
            if self._opened:
                self._listener.connection_closed("it was closed")

    def lose(self) -> None:
        """Breaks the connection, until `regain`."""
        self._reachable.clear()
        if self._port.connected:
            self._port.cut(no_connection())
            self._listener.connection_lost()

    def regain(self) -> None:
        """Lets the connection come back."""
        self._reachable.set()
        if self._opened and not self._closed and not self._port.connected:
            self._port.connect()
            self._listener.connection_restored()
