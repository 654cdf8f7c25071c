"""A client that does not read for a while, as its loop stands still, under a flood of answers."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from protonats.errors import Code
from protonats.testing import EmbeddedNats
from tests.faults.attack import all_kinds_work, settled
from tests.functional.echo import dropped, eventually
from tests.functional.raw_nats import raw_nats
from tests.functional.streams import Streams, code_of, pair, text, values

pytestmark = pytest.mark.anyio

_STILL = 0.5


def flood(nats: EmbeddedNats, subject: str, count: int, size: int) -> threading.Thread:
    """Sends many messages, from a thread."""
    message = f"PUB {subject} {size}\r\n".encode() + b"x" * size + b"\r\n"

    def send() -> None:
        with socket.create_connection(("127.0.0.1", nats.port)) as connection:
            connection.sendall(b'CONNECT {"verbose":false}\r\n' + message * count + b"PING\r\n")
            received = b""
            while b"PONG" not in received:
                received = received[-8:] + connection.recv(65536)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


async def test_what_comes_meanwhile_is_read_afterwards(nats: EmbeddedNats) -> None:
    """Nothing is dropped but what nobody waits for, and that is counted."""
    count = 200_000
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        connection = both.client._connection
        calls = [asyncio.create_task(both.client.say(text(number))) for number in range(100)]
        stream = asyncio.create_task(values(both.client.watch(text(2_000))))
        await eventually(lambda: len(connection._streams) == 1)
        thread = flood(nats, connection._calls.reply_subject("nobody"), count, 60)
        time.sleep(_STILL)  # noqa: ASYNC251
        assert [answer.value for answer in await asyncio.gather(*calls)] == [
            str(number) for number in range(100)
        ]
        assert len(await stream) == 2_000
        await asyncio.to_thread(thread.join)
        await settled(raw, connection)
        assert dropped(connection) == {"unknown_call": count}
        await all_kinds_work(both)


async def test_a_client_that_the_server_gives_up_comes_back() -> None:
    """The server keeps only so much for a client that does not read, and then ends the connection:
    what ran is UNAVAILABLE, and the next calls work."""
    limits = "max_pending: 1MB, write_deadline: '1s'"
    with EmbeddedNats(config=limits) as nats:
        async with pair(nats.url, Streams(), breaker=None) as both:
            connection, lost = both.client._connection, asyncio.Event()
            connection._on_lost.add(lost.set)
            held = asyncio.create_task(code_of(both.client.say(text("hi"), timeout=30)))
            thread = flood(nats, connection._calls.reply_subject("nobody"), 100, 1_000_000)
            time.sleep(_STILL)  # noqa: ASYNC251
            await asyncio.wait_for(lost.wait(), 10)
            await asyncio.to_thread(thread.join)
            await asyncio.wait([held])
            assert held.exception() is not None or (await held)[0] is Code.UNAVAILABLE
            await eventually(lambda: connection.is_connected)
            await all_kinds_work(both)
