"""The transport that uses what nats-py offers to everybody: for versions of nats-py that the fast
one was not tested with."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import Final, cast

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.js import JetStreamContext

from protonats._transport.attempts import Attempts
from protonats._transport.identity import Identity, login, wants_tls
from protonats._transport.message import Callback, Listener, Message
from protonats._transport.nats_client import HeaderLines, NatsClient
from protonats._transport.sending import (
    LOW_WATER,
    MAX_UNSENT,
    buffer_full,
    check_subject,
    no_connection,
    too_large,
)
from protonats._transport.server_errors import Denial, denial_of, describe
from protonats._transport.transport import Subscription, TakeAnswer
from protonats._wire import headers as header_rules
from protonats.errors import Code, ConfigurationError, StatusError
from protonats.settings import ConnectionSettings, redact

_logger = logging.getLogger("protonats")

_PING_INTERVAL: Final = 10
_CLOSE_TIMEOUT: Final = 5.0
"""Seconds for a server that does not answer, at the end of a subscription or a connection."""

_STATUS_LINE: Final = ("Status", "Description")


class HeldSubscription(Subscription):
    """A subscription, and that of nats-py."""

    __slots__ = ("inner",)

    def __init__(self, subject: str, inner: NatsSubscription) -> None:
        super().__init__(subject)
        self.inner = inner


class NatsTransport:
    """A `Transport` over nats-py."""

    def __init__(self, settings: ConnectionSettings, listener: Listener) -> None:
        self._settings = settings
        self._listener = listener
        self._attempts = Attempts(settings.startup_timeout)
        self._opened = False
        self._standing = False
        self._closing = False
        self._subscriptions: set[Subscription] = set()
        self._client = self._new_client()
        self._identity: Identity | None = None
        self._jetstream: JetStreamContext | None = None
        self._end: asyncio.Task[None] | None = None

    def _new_client(self) -> NatsClient:
        return NatsClient(
            require_tls=wants_tls(self._settings),
            on_malformed=partial(self._listener.message_dropped, "malformed"),
        )

    @property
    def connected(self) -> bool:
        """As `Transport.connected`."""
        return self._standing and self._client.is_connected

    @property
    def max_payload(self) -> int:
        """As `Transport.max_payload`."""
        return self._client.max_payload

    @property
    def unsent(self) -> int:
        """As `Transport.unsent`."""
        return self._client.pending_data_size

    @property
    def jetstream(self) -> JetStreamContext:
        """As `Transport.jetstream`."""
        if self._jetstream is None:
            self._jetstream = self._client.jetstream()
        return self._jetstream

    async def open(self) -> None:
        """As `Transport.open`."""
        settings = self._settings
        self._identity = identity = Identity(settings)
        try:
            async with asyncio.timeout(settings.startup_timeout):
                await self._client.connect(
                    servers=list(settings.servers),
                    name=settings.name,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnected,
                    reconnected_cb=self._on_reconnected,
                    closed_cb=self._on_closed,
                    connect_timeout=cast(int, settings.connect_timeout),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=cast(int, self._attempts.pause),
                    ping_interval=_PING_INTERVAL,
                    inbox_prefix=f"_INBOX.{settings.name}",
                    pending_size=2 * MAX_UNSENT,
                    tls=identity.context,
                    tls_hostname=settings.tls_hostname,
                    **login(settings),
                )
        except TimeoutError:
            await self._abandon()
            raise StatusError(
                Code.UNAVAILABLE,
                f"no NATS server could be reached within {settings.startup_timeout:g} s at"
                f" {redact(', '.join(settings.servers))}; the last error was:"
                f" {describe(self._client.last_error)}",
            ) from None
        except BaseException:
            await self._abandon()
            raise
        self._opened = self._standing = True
        self._connected()

    def publish(self, subject: str, body: bytes, *, reply: str = "", block: bytes = b"") -> None:
        """As `Transport.publish`."""
        client = self._client
        if not self.connected:
            raise no_connection()
        check_subject(subject)
        check_subject(reply or subject)
        size = len(block) + len(body)
        if size > client.max_payload:
            raise too_large(subject, size, client.max_payload)
        if client.pending_data_size + size > MAX_UNSENT:
            raise buffer_full(client.pending_data_size)
        lines = header_rules.decode(block).lines if block else None
        sending = client.publish(subject, body, reply, lines)
        try:
            # With room in the buffer, nats-py's coroutine ends without waiting for anything.
            sending.send(None)
        except StopIteration:
            return
        except nats.errors.Error as error:
            raise StatusError(Code.UNAVAILABLE, f"NATS: {describe(error)}") from None
        sending.close()

    def send(self, subject: str, reply: str, block: bytes, body: bytes) -> None:
        """As `Transport.send`."""
        self.publish(subject, body, reply=reply, block=block)

    async def writable(self) -> None:
        """As `Transport.writable`."""
        while self.connected:
            if self._client.pending_data_size < LOW_WATER:
                return
            # nats-py offers nothing to wait for.
            await asyncio.sleep(0.001)
        raise no_connection()

    async def subscribe(self, subject: str, callback: Callback, *, queue: str = "") -> Subscription:
        """As `Transport.subscribe`."""
        try:
            inner = await self._listen(subject, callback, queue)
        except nats.errors.Error as error:
            raise StatusError(
                Code.UNAVAILABLE, f"cannot subscribe to {subject}: {describe(error)}"
            ) from None
        subscription = HeldSubscription(subject, inner)
        self._subscriptions.add(subscription)
        return subscription

    async def _listen(self, subject: str, callback: Callback, queue: str) -> NatsSubscription:
        async def deliver(message: Msg) -> None:
            block = _block(message.headers) if message.headers else b""
            try:
                callback(Message(message.subject, message.reply, block, message.data))
            except (Exception, asyncio.CancelledError):
                self._report_defect(message.subject)

        return await self._client.subscribe(
            subject, queue=queue, cb=deliver, pending_msgs_limit=0, pending_bytes_limit=0
        )

    def _report_defect(self, subject: str) -> None:
        _logger.exception("the callback for %s failed", subject)
        self._listener.message_dropped("defect")

    def expect_answers(self, inbox: Subscription, prefix: str, take: TakeAnswer) -> None:
        """As `Transport.expect_answers`: the callback gets all."""

    async def unsubscribe(self, *subscriptions: Subscription) -> None:
        """As `Transport.unsubscribe`."""
        self._subscriptions.difference_update(subscriptions)
        await asyncio.gather(
            *(
                self._drain(item.inner)
                for item in subscriptions
                if isinstance(item, HeldSubscription)
            )
        )

    async def _drain(self, inner: NatsSubscription) -> None:
        with suppress(nats.errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._client.drain_subscription(inner)

    async def barrier(self) -> None:
        """As `Transport.barrier`."""
        try:
            if self.connected:
                await self._client.flush()
                return
        except nats.errors.Error as error:
            raise StatusError(Code.UNAVAILABLE, f"NATS: {describe(error)}") from None
        raise no_connection()

    async def close(self) -> None:
        """As `Transport.close`."""
        self._closing = True
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self.barrier()
        except BaseException as error:
            await self._abandon()
            if not isinstance(error, StatusError | TimeoutError):
                raise
        else:
            await self._client.close()

    async def _abandon(self) -> None:
        """Closes without waiting for the server."""
        self._client.give_up_unfinished()
        self._client.cut()
        # nats-py cannot close what it never began to connect.
        with suppress(Exception):
            await self._client.close()
        # nats-py takes a client whose attempt to connect failed for closed, whatever it has open.
        self._client.cut()

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self._listener.message_dropped("slow_consumer")
            _logger.warning(
                "a message on %s was dropped: it came faster than it was read", error.subject
            )
        elif (denial := denial_of(error)) is not None:
            self._deny(denial)
        elif not self.connected:
            self._attempts.failed()
            self._client.options["reconnect_time_wait"] = self._attempts.pause
            self._tell_of_attempts(describe(error))
            self._refresh_identity()
            self._give_up_if_hopeless(error)
        else:
            _logger.warning("NATS: %s", describe(error))

    def _tell_of_attempts(self, cause: str) -> None:
        attempts = self._attempts
        if attempts.are_worth_telling(cause, asyncio.get_running_loop().time()):
            _logger.warning(
                "cannot connect to NATS at %s: %s; trying again%s",
                redact(", ".join(self._settings.servers)),
                cause,
                f", {attempts.count} attempts so far" if attempts.count > 1 else "",
            )

    def _refresh_identity(self) -> None:
        try:
            if self._identity is not None:
                self._identity.refresh()
        except ConfigurationError as error:
            _logger.warning("certificates were replaced and cannot be used: %s", error)

    def _give_up_if_hopeless(self, error: Exception) -> None:
        """Closes for good when every reconnect is refused: whoever replaces the process has a login
        that is valid."""
        now = asyncio.get_running_loop().time()
        if self._opened and self._end is None and self._attempts.are_hopeless(error, now):
            self._end = asyncio.create_task(self._client.close())

    def _deny(self, denial: Denial) -> None:
        _logger.error("NATS refused permission for %s: %s", denial.action, denial.subject)
        if denial.action == "subscription":
            for subscription in self._subscriptions:
                if subscription.subject.lower() == denial.subject:
                    subscription.denied = True
        else:
            self._listener.publish_denied(denial.subject)

    async def _on_disconnected(self) -> None:
        self._client.give_up_unfinished()
        self._standing = False
        for subscription in self._subscriptions:
            subscription.denied = False
        # A client that closes for good says so next.
        if self._opened and not self._client.is_closed:
            _logger.warning("the connection to NATS is lost")
            self._refresh_identity()
            self._listener.connection_lost()

    async def _on_reconnected(self) -> None:
        self._standing = True
        self._connected()
        _logger.info("connected to NATS again")
        self._listener.connection_restored()

    async def _on_closed(self) -> None:
        if self._opened:
            reason = "it was closed" if self._closing else describe(self._client.last_error)
            self._listener.connection_closed(reason)

    def _connected(self) -> None:
        self._client.forget_error()
        self._attempts.succeeded()
        self._client.options["reconnect_time_wait"] = self._attempts.pause


def _block(lines: dict[str, str]) -> bytes:
    """The header block that nats-py has read: it keeps the version line under two names."""
    if isinstance(lines, HeaderLines):
        return lines.block
    plain = {name: lines[name] for name in lines if name not in _STATUS_LINE}
    status = " ".join(lines[name] for name in _STATUS_LINE if name in lines)
    return header_rules.encode(plain, status=status)
