"""What nats-py's JetStream interface needs of a client: requests."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import nats.errors
from nats.aio.client import ServerVersion
from nats.aio.msg import Msg

from protonats._transport.message import Message
from protonats._wire import headers as header_rules
from protonats.testing._local.broker import Port

_numbers: Final = itertools.count()


class JetStreamRequests:
    """In the place of nats-py's client, on a port of the broker.

    Attributes:
        connected_server_version: Whose JetStream it is like.
    """

    connected_server_version: Final = ServerVersion("2.11.0")

    def __init__(self, port: Port, max_payload: int, name: str) -> None:
        self._port = port
        self._max_payload = max_payload
        self._inbox = f"_INBOX.{name}.jetstream"

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        headers: Mapping[str, Any] | None = None,
    ) -> Msg:
        """Sends a request, and returns its answer."""
        block = header_rules.encode({name: str(value) for name, value in (headers or {}).items()})
        if len(block) + len(payload) > self._max_payload:
            raise nats.errors.MaxPayloadError
        if not self._port.connected:
            raise nats.errors.ConnectionReconnectingError
        reply = f"{self._inbox}.{next(_numbers)}"
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        interest = self._port.subscribe(reply, lambda message: _answer(answer, message))
        try:
            self._port.send(subject, Message(subject, reply, block, payload))
            async with asyncio.timeout(timeout):
                message = await answer
        except TimeoutError:
            raise nats.errors.TimeoutError from None
        finally:
            self._port.unsubscribe(interest)
        if message.status == header_rules.NO_RESPONDERS:
            raise nats.errors.NoRespondersError
        lines = dict(message.headers)
        if message.status:
            lines["Status"] = message.status
            lines["Description"] = message.description
        return Msg(self, message.subject, message.reply, message.body, lines or None)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> NoReturn:
        raise NotImplementedError(
            f"the JetStream of one process does requests and no more (nats-py wants {name}): test"
            " push consumers and watched buckets with protonats.testing.EmbeddedNats"
        )


def _answer(future: asyncio.Future[Message], message: Message) -> None:
    if not future.done():
        future.set_result(message)
