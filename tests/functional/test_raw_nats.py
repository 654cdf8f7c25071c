"""The socket that other tests look through: it loses nothing of what they wait for."""

from __future__ import annotations

import pytest

from protonats.testing import EmbeddedNats
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


async def test_a_message_that_comes_while_it_subscribes_is_received(nats: EmbeddedNats) -> None:
    async with raw_nats(nats.url) as listener, raw_nats(nats.url) as sender:
        await listener.subscribe("first")
        sender.publish("first", b"PONG\r\n", headers=b"NATS/1.0\r\n\r\n")
        # Returns when the server has handled the message.
        await sender.subscribe("unused")
        await listener.subscribe("second")
        message = await listener.receive()
    assert (message.subject, message.body) == ("first", b"PONG\r\n")
