"""What a connection tells those who wait: answers, streams, losses; and how it begins to read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from protonats._transport.message import Message
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio

_USERS = """
authorization { users: [
  {user: caller, password: p, permissions: {
    publish: ["allowed"], subscribe: ["_INBOX.caller.>"]}}
] }
"""


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server


class Stream:
    """Takes what comes to a token."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.failures: list[StatusError] = []

    def take(self, message: Message) -> None:
        self.bodies.append(message.body)


async def test_a_stream_gets_every_message_of_its_token_until_it_is_removed(
    nats: EmbeddedNats,
) -> None:
    async with await connect(nats.url) as connection, raw_nats(nats.url) as raw:
        one, two = Stream(), Stream()
        calls = connection._calls
        for token, stream in (("one", one), ("two", two)):
            calls.add_stream(token, "stream", stream.take, stream.failures.append)
        for number in range(3):
            raw.publish(calls.reply_subject("one"), b"%d" % number)
        raw.publish(calls.reply_subject("nobody"), b"")
        raw.publish(calls.reply_subject("two"), b"end")
        await eventually(lambda: two.bodies == [b"end"])
        assert one.bodies == [b"0", b"1", b"2"]
        calls.remove("one")
        raw.publish(calls.reply_subject("one"), b"late")
        raw.publish(calls.reply_subject("two"), b"later")
        await eventually(lambda: len(two.bodies) == 2)
        assert one.bodies == [b"0", b"1", b"2"]
        calls.remove("two")
        assert len(calls) == 0


async def test_a_connection_that_breaks_fails_streams_once_and_tells_the_others(
    own_nats: EmbeddedNats,
) -> None:
    async with await connect(own_nats.url) as connection:
        stream, told = Stream(), list[str]()
        connection._calls.add_stream("one", "stream", stream.take, stream.failures.append)
        connection._on_lost.add(lambda: told.append("lost"))
        connection._on_restored.add(lambda: told.append("restored"))
        own_nats.kill()
        await eventually(lambda: bool(stream.failures))
        assert told == ["lost"]
        assert [failure.code for failure in stream.failures] == [Code.UNAVAILABLE]
        assert len(connection._calls) == 0
        own_nats.start()
        await eventually(lambda: told == ["lost", "restored"])
    assert told[2:] == ["lost"]
    assert len(stream.failures) == 1


async def test_a_denied_stream_is_permission_denied() -> None:
    with EmbeddedNats(config=_USERS) as server:
        url = server.url.replace("nats://", "nats://caller:p@")
        settings = ConnectionSettings(servers=(url,), name="caller")
        async with await connect(settings) as connection:
            stream = Stream()
            calls = connection._calls
            calls.add_stream("one", "svc.Denied", stream.take, stream.failures.append)
            connection._transport.publish("svc.Denied", b"", reply=calls.reply_subject("one"))
            await eventually(lambda: bool(stream.failures))
            assert stream.failures[0].code is Code.PERMISSION_DENIED
            assert "publish to svc.Denied" in str(stream.failures[0])


async def test_what_comes_together_with_the_end_of_the_login_is_read(nats: EmbeddedNats) -> None:
    """A command may be cut there, and the rest of it comes later."""
    told: list[bytes] = []
    go_on = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = b'INFO {"server_id":"x","version":"2.11.0","headers":true,"max_payload":1024}\r\n'
        writer.write(info)
        while line := await reader.readline():
            told.append(line)
            if line == b"PING\r\n" and told.count(line) == 1:
                writer.write(b"PONG\r\nPING\r\n" + info[:20])
            elif line == b"PONG\r\n" and not go_on.is_set():
                writer.write(info[20:] + b"PING\r\n" + b"PONG\r\n" * (told.count(b"PING\r\n") - 1))
                go_on.set()
            elif line == b"PING\r\n" and go_on.is_set():
                writer.write(b"PONG\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with await connect(f"nats://127.0.0.1:{port}") as connection:
            await asyncio.wait_for(go_on.wait(), 5.0)
            await eventually(lambda: told.count(b"PONG\r\n") == 2)
            assert connection.is_connected
