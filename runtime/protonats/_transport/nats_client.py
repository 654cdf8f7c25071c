"""nats-py's client, with the holes closed that would take a service down.

Most methods here replace one of nats-py that is not public: the tests of this module fail if a new
version of nats-py goes another way. A version that lacks one of them works, with that hole open.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import Any, Final, cast

import nats.errors
from nats.aio.client import Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol import parser

from protonats._transport.message import rescued
from protonats._wire import headers as header_rules
from protonats._wire.subjects import is_too_long

_logger = logging.getLogger("protonats")

_WORD: Final = rb"([^ \t\r\n]+)"
_BLANK: Final = rb"[ \t]+"
_MESSAGE: Final = _WORD + _BLANK + rb"([0-9]+)" + _BLANK + rb"(" + _WORD + _BLANK + rb")?"


MSG: Final = re.compile(rb"MSG" + _BLANK + _MESSAGE + rb"([0-9]+)\r\n")
"""A control line: subject, subscription, _, reply subject, size."""

HMSG: Final = re.compile(rb"HMSG" + _BLANK + _MESSAGE + rb"([0-9]+)" + _BLANK + rb"([0-9]+)\r\n")
"""The same for a message with headers: their size, and that of the whole."""


class BlankParser(parser.Parser):
    """nats-py's parser, with the blanks of the server.

    nats-py takes every white space of a regular expression for a blank, and a subject may contain
    two of them: what follows would be read as the number of the subscription.
    """

    parse = cast(
        Any,
        FunctionType(
            parser.Parser.parse.__code__,
            {**vars(parser), "MSG_RE": MSG, "HMSG_RE": HMSG},
            argdefs=parser.Parser.parse.__defaults__,
        ),
    )


class HeaderLines(dict[str, str]):
    """Headers as nats-py reads them, with the bytes that they were read from."""

    block = b""


class NatsClient(Client):
    """The client of `protonats._transport.nats_transport`.

    Args:
        require_tls: Whether to refuse a server that does not offer TLS, before anything secret is
            sent.
        on_malformed: Called for each message that cannot be read.
    """

    def __init__(self, *, require_tls: bool, on_malformed: Callable[[], None]) -> None:
        super().__init__()
        self._require_tls = require_tls
        self._on_malformed = on_malformed
        self._ps = BlankParser(self)

    def give_up_unfinished(self) -> None:
        """Forgets what is not written yet, which nats-py would send after a reconnect, when the
        callers have given up; and fails the PINGs whose answers cannot come any more."""
        self._pending = []
        self._pending_data_size = 0
        pongs, self._pongs = self._pongs, []
        for pong in pongs:
            if not pong.done():
                pong.set_exception(nats.errors.ConnectionReconnectingError())
                # Marks it as seen: nobody waits for those that nats-py sends by itself.
                pong.exception()

    def forget_error(self) -> None:
        """Forgets what an attempt to connect has failed with. Its traceback leads to the event
        loop, and keeps whatever that had to do in the same moment."""
        self._err = None

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        reply: str = "",
        headers: dict[str, Any] | None = None,
    ) -> None:
        """Sends a message now, or not at all.

        Raises:
            nats.errors.Error: ConnectionReconnectingError without a connection, MaxPayloadError for
                a message that is too large, BadSubjectError for a subject that is too long, and
                what nats-py raises.
        """
        self._check(subject, payload, headers)
        await super().publish(subject, payload, reply, headers)

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Sends a request now, or not at all; the errors are those of `publish`."""
        # nats-py would keep the future of a request that could not be published.
        self._check(subject, payload, headers)
        return await super().request(subject, payload, timeout, old_style, headers)

    def _check(self, subject: str, payload: bytes, headers: dict[str, Any] | None) -> None:
        if self.is_connecting or self.is_reconnecting:
            raise nats.errors.ConnectionReconnectingError
        # The server would end the connection for these, and nats-py not open another one.
        if is_too_long(subject):
            raise nats.errors.BadSubjectError
        # nats-py counts the payload alone.
        if len(payload) + header_rules.size(headers) > self.max_payload:
            raise nats.errors.MaxPayloadError

    async def flush(self, timeout: int = 10) -> None:
        """Returns when the server has handled everything that was sent before; the errors are those
        of nats-py."""
        # nats-py's PING overtakes what it has queued: wait until that is nothing. As a rule it is
        # written in the next turn of the loop.
        pause = 0.0
        while self.is_connected and self.pending_data_size:
            await asyncio.sleep(pause)
            pause = 0.001
        await super().flush(timeout)

    async def drain_subscription(self, subscription: Subscription) -> None:
        """Unsubscribes, and returns when everything that had arrived was given to the callback."""
        try:
            if self.is_connected:
                await cast(Any, subscription).drain()
        finally:
            # A drain that fails half-way would leave the subscription to be renewed by a reconnect.
            self._remove_sub(subscription._id)
            subscription._stop_processing()

    def cut(self) -> None:
        """Ends the TCP connection, if there is one. nats-py would wait until the server has read
        what is buffered, and one that is gone without a word would keep it waiting for minutes."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    async def _connect_to_server(self, s: Srv) -> None:
        # An attempt that was refused leaves its socket open.
        self.cut()
        # asyncio.wait_for of Python 3.11 loses a cancellation that comes as what it waits for ends,
        # and nats-py would try for ever.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        await super()._connect_to_server(s)

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:
            # asyncio tells nobody of the end of a connection whose upgrade to TLS was given up:
            # nats-py would wait for it for ever before it closes, or connects again.
            self.cut()
            self._transport = None
            raise

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        # nats-py lets the last of two equal names count, and these two are its names for the status
        # line.
        lines = header_rules.decode_lines(raw)
        lines.pop("Status", None)
        lines.pop("Description", None)
        return lines

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        read = await super()._process_headers(headers)
        if read is None or headers is None:
            return None
        lines = HeaderLines(read)
        lines.block = headers
        return lines

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        # An exception here (a subject that is no UTF-8, a cut header block) would end the reading
        # task.
        try:
            if headers and not header_rules.is_block(headers):
                raise ValueError("a header block begins with NATS/1.0")
            await super()._process_msg(sid, subject, reply, data, headers)
        except Exception:
            message = rescued(subject, reply, (headers or b"") + data)
            if message is None:
                self._on_malformed()
                return
            target = message.subject.encode(), message.reply.encode()
            await super()._process_msg(sid, *target, message.body, message.block)

    async def _process_pong(self) -> None:
        # So would the answer to a PING that nobody waits for any more.
        with suppress(asyncio.InvalidStateError):
            await super()._process_pong()

    def _connect_command(self) -> bytes:
        # CONNECT carries the credentials, and comes after the connection was upgraded to TLS, or
        # not.
        if self._require_tls and not self._server_info.get("tls_required"):
            raise nats.errors.SecureConnWantedError
        return cast(bytes, cast(Any, super())._connect_command())

    async def _attempt_reconnect(self) -> None:
        self.cut()
        # nats-py catches network errors only; others would leave it reconnecting for ever.
        try:
            await super()._attempt_reconnect()
        except Exception as error:
            _logger.error("reconnecting to NATS failed for good", exc_info=True)
            self._err = error
            self._reconnection_task = None
            await self.close()
