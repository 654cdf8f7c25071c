"""nats-py's client, with its reader and its writer bypassed.

It leans on parts of nats-py that are not public, so it is used with those versions only that
`protonats._transport.choice` names. Connection, login, TLS, pings, reconnects and JetStream stay
nats-py's own; each subscription is one of nats-py as well, so a reconnect renews it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from nats.aio.client import Client
from nats.aio.subscription import Subscription

from protonats._transport.fast_reader import Answers, FastReader
from protonats._transport.message import Callback
from protonats._transport.nats_client import NatsClient
from protonats._transport.sending import LOW_WATER
from protonats._transport.transport import TakeAnswer

_JOIN_UP_TO: Final = 64 * 1024
"""Bytes that are copied together for one write; of more, the copy would cost more than it saves."""


class FastClient(NatsClient):
    """The client of `protonats._transport.fast_transport`; arguments as for `NatsClient`.

    Args:
        on_batch: Called when several messages, or one, have been handed over.
        on_defect: Called with the subject, while the exception of a callback is handled.
    """

    def __init__(
        self,
        *,
        require_tls: bool,
        on_batch: Callable[[], None],
        on_malformed: Callable[[], None],
        on_defect: Callable[[str], None],
    ) -> None:
        super().__init__(require_tls=require_tls, on_malformed=on_malformed)
        self._callbacks: dict[bytes, Callback] = {}
        self._answers = Answers()
        self._on_batch = on_batch
        self._on_defect = on_defect

    @property
    def buffered(self) -> int:
        """How many bytes were written that the socket has not taken."""
        writer = getattr(self._transport, "_io_writer", None)
        return 0 if writer is None else cast(int, writer.transport.get_write_buffer_size())

    def write_queued(self) -> None:
        """Hands everything that is queued to the socket, in one write."""
        queued, socket = self._pending, self._transport
        if not queued or socket is None or self._status != Client.CONNECTED:
            return
        size = self._pending_data_size
        self._pending = []
        self._pending_data_size = 0
        # The connection may break just now, and whoever reads from it is about to find out. What is
        # lost was sent by callers who are told then.
        with suppress(OSError, RuntimeError):
            if size <= _JOIN_UP_TO:
                socket.write(b"".join(queued))
            else:
                socket.writelines(queued)

    async def drained(self) -> None:
        """Returns when the socket has taken most of what was written.

        Raises:
            OSError: The connection broke.
        """
        if self._transport is not None:
            await cast(Any, self._transport).drain()

    async def flush(self, timeout: int = 10) -> None:
        """Returns when the server has handled everything that was sent before; the errors are those
        of nats-py."""
        # nats-py's PING overtakes what is queued.
        self.write_queued()
        await Client.flush(self, timeout)

    async def listen(self, subject: str, callback: Callback, queue: str) -> Subscription:
        """Subscribes; `callback` gets the messages while they are read."""
        # nats-py gives out numbers in a row. With a future in place of a callback, it starts no
        # task; as the reader knows the number, no message comes to either.
        number = b"%d" % (self._sid + 1)
        self._callbacks[number] = callback
        try:
            return await self.subscribe(subject, queue=queue, future=asyncio.Future())
        except BaseException:
            self._callbacks.pop(number, None)
            raise

    def expect_answers(self, inbox: Subscription, prefix: str, take: TakeAnswer) -> None:
        """Lets `take` have the plain answers that come by a subscription."""
        self._answers.expect(prefix, inbox._id, take)

    async def drain_subscription(self, subscription: Subscription) -> None:
        """Unsubscribes, and returns when everything that had arrived was given to the callback."""
        try:
            if self.is_connected:
                await self._send_unsubscribe(subscription._id)
                await self.flush()
        finally:
            # Otherwise, a reconnect would renew it.
            self._remove_sub(subscription._id)
            self._callbacks.pop(b"%d" % subscription._id, None)

    async def _process_connect_init(self) -> None:
        await super()._process_connect_init()
        inner = cast(Any, self._transport)
        # So `drained` waits for as long as `Transport.writable` has to.
        inner._io_writer.transport.set_write_buffer_limits(high=LOW_WATER)
        # What came before belongs to the login: the server knows of no subscription yet.
        stream: asyncio.StreamReader = inner._io_reader
        reader = FastReader(
            self._callbacks,
            self._answers,
            others=stream.feed_data,
            on_batch=self._on_batch,
            on_malformed=self._on_malformed,
            on_defect=self._on_defect,
        )
        stream.feed_data = reader.feed  # type: ignore[assignment]
