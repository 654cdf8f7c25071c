"""Connections that end, by their owner or by the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import EchoClient, eventually, freeze
from tests.functional.inner import client_of
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    """A server that the test may stop."""
    with EmbeddedNats() as server:
        yield server


def settings(url: str, name: str = "caller", **others: float) -> ConnectionSettings:
    return ConnectionSettings(servers=(url,), name=name, **others)  # type: ignore[arg-type]  # pyright: ignore


class TestEnd:
    async def test_a_close_fails_running_calls(self, nats: EmbeddedNats) -> None:
        async with raw_nats(nats.url) as silent:
            await silent.subscribe("svc.echo.v1.say")
            connection = await connect(settings(nats.url))
            call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
            await silent.receive()
            await connection.close()
            with pytest.raises(StatusError, match="the connection was closed") as error:
                await call
        assert error.value.code is Code.UNAVAILABLE
        assert connection.is_closed
        assert connection.close_reason == "it was closed"
        with pytest.raises(StatusError, match="the connection is closing"):
            await EchoClient(connection).say(StringValue())

    async def test_a_drain_waits_for_running_calls(self, nats: EmbeddedNats) -> None:
        async with raw_nats(nats.url) as slow:
            await slow.subscribe("svc.echo.v1.say")
            connection = await connect(settings(nats.url))
            client = EchoClient(connection)
            call = asyncio.create_task(client.say(StringValue(), timeout=60.0))
            reply = (await slow.receive()).reply
            draining = asyncio.create_task(connection.drain())
            await asyncio.sleep(0)
            with pytest.raises(StatusError, match="the connection is closing"):
                await client.say(StringValue())
            slow.publish(reply, b"")
            assert await call == StringValue()
            await draining
        assert connection.is_closed

    async def test_a_drain_that_is_cancelled_closes_all_the_same(self, nats: EmbeddedNats) -> None:
        async with raw_nats(nats.url) as silent:
            await silent.subscribe("svc.echo.v1.say")
            connection = await connect(settings(nats.url))
            call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
            await silent.receive()
            draining = asyncio.create_task(connection.drain())
            await asyncio.sleep(0)
            draining.cancel()
            with pytest.raises(asyncio.CancelledError):
                await draining
            with pytest.raises(StatusError, match="the connection was closed"):
                await call
        assert connection.is_closed

    async def test_a_close_that_is_cancelled_closes_all_the_same(
        self, own_nats: EmbeddedNats
    ) -> None:
        connection = await connect(settings(own_nats.url))
        freeze(own_nats.pid)
        closing = asyncio.create_task(connection.close())
        await eventually(lambda: bool(client_of(connection)._pongs))
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert connection.is_closed
        own_nats.kill()

    async def test_closing_twice_is_allowed(self, nats: EmbeddedNats) -> None:
        connection = await connect(settings(nats.url))
        await connection.close()
        await connection.close()
        await connection.drain()

    async def test_an_expired_login_closes_for_good_and_says_why(self) -> None:
        async with _fake_server(b"-ERR 'User Authentication Expired'\r\n") as (url, expire):
            connection = await connect(settings(url))
            call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
            await eventually(lambda: len(connection._calls) == 1)
            expire.set()
            async with asyncio.timeout(5.0):
                await connection.closed.wait()
            with pytest.raises(StatusError, match="is closed: user authentication expired"):
                await call
            assert connection.close_reason == "user authentication expired"
            await connection.close()

    async def test_a_user_who_is_removed_is_gone_for_good(self) -> None:
        config = 'authorization {{ users: [{{user: {}, password: "p"}}] }}'
        with EmbeddedNats(config=config.format("quest")) as server:
            url = server.url.replace("nats://", "nats://quest:p@")
            connection = await connect(settings(url, startup_timeout=0.3))
            server.reload(config.format("other"))
            async with asyncio.timeout(10.0):
                await connection.closed.wait()
            assert connection.close_reason is not None
            assert "authorization violation" in connection.close_reason.lower()


@asynccontextmanager
async def _fake_server(last_words: bytes) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A NATS server that answers pings until the event is set, and then says its last words."""
    speak = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b'INFO {"server_id":"x","version":"2.11.0","headers":true,"max_payload":1024}\r\n'
        )
        last = asyncio.create_task(speak.wait())
        last.add_done_callback(lambda _: writer.write(last_words))
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        last.cancel()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", speak
