"""The transport that reads messages before nats-py does, and writes what is sent in one turn of the
loop at once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.subscription import Subscription as NatsSubscription

from protonats._transport.fast_client import FastClient
from protonats._transport.identity import wants_tls
from protonats._transport.message import Callback, Listener
from protonats._transport.nats_transport import HeldSubscription, NatsTransport
from protonats._transport.sending import (
    LOW_WATER,
    MAX_UNSENT,
    buffer_full,
    check_subject,
    no_connection,
    too_large,
)
from protonats._transport.transport import Subscription, TakeAnswer
from protonats._wire.subjects import MAX_SIZE
from protonats.settings import ConnectionSettings

_WRITE_AT: Final = 12 * 1024
"""Bytes that are written before the end of the turn: the other side begins with them meanwhile. A
smaller number costs both sides and the server more system calls than it wins."""


class FastTransport(NatsTransport):
    """A `Transport` over nats-py and below it."""

    _client: FastClient

    def __init__(self, settings: ConnectionSettings, listener: Listener) -> None:
        super().__init__(settings, listener)
        self._loop = asyncio.get_running_loop()
        self._write_is_due = False
        self._buffered = 0
        """Bytes that the socket had not taken when something was written last."""

    def _new_client(self) -> FastClient:
        return FastClient(
            require_tls=wants_tls(self._settings),
            on_batch=self._write_soon,
            on_malformed=partial(self._listener.message_dropped, "malformed"),
            on_defect=self._report_defect,
        )

    @property
    def max_payload(self) -> int:
        """As `Transport.max_payload`."""
        return self._client._max_payload

    @property
    def unsent(self) -> int:
        """As `Transport.unsent`."""
        return self._client._pending_data_size + self._client.buffered

    def publish(self, subject: str, body: bytes, *, reply: str = "", block: bytes = b"") -> None:
        """As `Transport.publish`."""
        if self._standing:
            target = f"{subject} {reply}"
            if not subject or target.count(" ") != 1 or not target.isprintable():
                check_subject(subject)
                if reply:
                    check_subject(reply)
        self.send(subject, reply, block, body)

    def send(self, subject: str, reply: str, block: bytes, body: bytes) -> None:
        """As `Transport.send`."""
        client = self._client
        if not self._standing or client._status != Client.CONNECTED:
            raise no_connection()
        size = len(block) + len(body)
        if size > client._max_payload:
            raise too_large(subject, size, client._max_payload)
        if block:
            head = f"HPUB {subject} {reply} {len(block)} {size}\r\n".encode()
        else:
            head = f"PUB {subject} {reply} {size}\r\n".encode()
        if len(head) > MAX_SIZE:
            check_subject(subject)
            check_subject(reply or subject)
        queued = client._pending_data_size + len(head) + size + 2
        if queued + self._buffered > MAX_UNSENT and queued + client.buffered > MAX_UNSENT:
            raise buffer_full(self.unsent)
        if block:
            client._pending += (head, block, body, b"\r\n")
        else:
            client._pending += (head, body, b"\r\n")
        client._pending_data_size = queued
        if queued > _WRITE_AT:
            self._write_queued()
        elif not self._write_is_due:
            self._write_soon()

    def _write_soon(self) -> None:
        # When messages have come, this is called before anybody answers them: the tasks that they
        # woke run in the next turn of the loop, and what they send leaves at its end.
        if not self._write_is_due:
            self._write_is_due = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._write_is_due = False
        self._write_queued()

    def _write_queued(self) -> None:
        self._client.write_queued()
        self._buffered = self._client.buffered

    async def writable(self) -> None:
        """As `Transport.writable`."""
        while True:
            if not self.connected:
                raise no_connection()
            if self._client._pending_data_size + self._buffered <= LOW_WATER:
                return
            self._write()
            if self._buffered > LOW_WATER:
                try:
                    await self._client.drained()
                except OSError:
                    raise no_connection() from None
                self._buffered = self._client.buffered

    def expect_answers(self, inbox: Subscription, prefix: str, take: TakeAnswer) -> None:
        """As `Transport.expect_answers`."""
        if isinstance(inbox, HeldSubscription):
            self._client.expect_answers(inbox.inner, prefix, take)

    async def _listen(self, subject: str, callback: Callback, queue: str) -> NatsSubscription:
        return await self._client.listen(subject, callback, queue)
