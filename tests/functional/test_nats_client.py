"""The holes of nats-py that `protonats._transport` closes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats.connection import Connection, connect
from protonats.errors import Code, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, eventually, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server


async def test_a_pong_nobody_waits_for_does_not_end_the_reading(nats: EmbeddedNats) -> None:
    async with await connect(nats.url) as connection:
        client = connection._transport._client
        flush = asyncio.create_task(client.flush())
        await asyncio.sleep(0)
        flush.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flush
        received: list[bytes] = []
        transport = connection._transport
        await transport.subscribe("pong", lambda message: received.append(message.body))
        transport.publish("pong", b"still reading")
        await eventually(lambda: received == [b"still reading"])


async def test_an_error_while_reconnecting_closes_the_connection(
    own_nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    """For example a key file that is being written just then."""
    async with await connect(own_nats.url) as connection:

        def no_key() -> bytes:
            raise ValueError("half a key")

        connection._transport._client._connect_command = no_key  # type: ignore[method-assign]
        own_nats.kill()
        own_nats.start()
        async with asyncio.timeout(10.0):
            await connection.closed.wait()
        assert connection.close_reason == "half a key"
        assert "reconnecting to NATS failed for good" in caplog.text


async def get_stuck(server: EmbeddedNats, connection: Connection) -> None:
    """Stops the server in its tracks, and sends until nothing more fits into the socket."""
    os.kill(server.pid, signal.SIGSTOP)

    def is_stuck() -> bool:
        connection._transport.publish("large", b"x" * 1_000_000)
        return connection._transport._client.pending_data_size > 3_000_000

    await eventually(is_stuck)


async def test_what_is_unsent_when_the_connection_breaks_is_forgotten(
    own_nats: EmbeddedNats,
) -> None:
    async with await connect(own_nats.url) as connection:
        await get_stuck(own_nats, connection)
        own_nats.kill()
        client = connection._transport._client
        await eventually(lambda: not connection.is_connected and client.pending_data_size == 0)


async def test_a_server_that_is_gone_without_a_word_does_not_hold_up_the_reconnect(
    own_nats: EmbeddedNats,
) -> None:
    async with await connect(own_nats.url) as connection:
        await get_stuck(own_nats, connection)
        call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
        await eventually(lambda: len(connection._calls) == 1)
        # What nats-py does when its pings are not answered.
        await connection._transport._client.force_reconnect()
        async with asyncio.timeout(5.0):
            with pytest.raises(StatusError, match="the connection to NATS was lost"):
                await call
        own_nats.kill()
        own_nats.start()
        await eventually(lambda: connection.is_connected)


async def test_a_server_that_is_gone_without_a_word_does_not_hold_up_the_end(
    own_nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protonats._transport.transport._CLOSE_TIMEOUT", 0.05)
    async with serving(own_nats.url, Echo()) as (instance, connection):
        await get_stuck(own_nats, connection)
        async with asyncio.timeout(5.0):
            await instance.drain(grace=0.1)
            await connection.close()
        assert connection.closed.is_set()
    own_nats.kill()


async def test_a_send_buffer_that_is_full_is_resource_exhausted(own_nats: EmbeddedNats) -> None:
    async with await connect(ConnectionSettings(servers=(own_nats.url,))) as connection:
        transport = connection._transport
        # Nothing is written before the loop gets its turn.
        for _ in range(33):
            transport.publish("large", b"x" * 1_000_000)
        with pytest.raises(StatusError, match="publish more slowly") as error:
            transport.publish("large", b"x" * 1_000_000)
        assert error.value.code is Code.RESOURCE_EXHAUSTED
        await transport.barrier()
        transport.publish("large", b"x")


async def test_subscriptions_are_at_the_server_after_a_barrier(nats: EmbeddedNats) -> None:
    async with await connect(nats.url) as one, await connect(nats.url) as two:
        received: list[str] = []
        for number in range(50):
            subject = f"barrier.{number}"
            subscription = await one._transport.subscribe(
                subject, lambda message: received.append(message.subject)
            )
            await one._transport.barrier()
            two._transport.publish(subject, b"x")
            await eventually(lambda: len(received) > number)  # noqa: B023
            await one._transport.unsubscribe(subscription)
        assert received == [f"barrier.{number}" for number in range(50)]
