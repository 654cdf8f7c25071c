"""The holes of nats-py that `protonats._transport` closes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import nats.errors
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats import provision
from protonats._transport.message import Message
from protonats.connection import Connection, connect
from protonats.errors import Code, StatusError
from protonats.key_value import KeyValue
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, calling, eventually, freeze, serving
from tests.functional.inner import client_of
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server


async def test_a_pong_nobody_waits_for_does_not_end_the_reading(nats: EmbeddedNats) -> None:
    async with await connect(nats.url) as connection:
        client = client_of(connection)
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

        client_of(connection)._connect_command = no_key  # type: ignore[method-assign]
        own_nats.kill()
        own_nats.start()
        async with asyncio.timeout(10.0):
            await connection.closed.wait()
        assert connection.close_reason == "half a key"
        assert "reconnecting to NATS failed for good" in caplog.text


async def test_an_error_that_is_over_holds_nothing(
    own_nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    url = own_nats.url
    own_nats.stop()
    connecting = asyncio.create_task(connect(ConnectionSettings(servers=(url,))))
    await eventually(lambda: "cannot connect to NATS" in caplog.text)
    own_nats.start()
    async with await connecting as connection:
        client = client_of(connection)
        assert client.last_error is None
        own_nats.kill()
        await eventually(lambda: isinstance(client.last_error, OSError))
        own_nats.start()
        await eventually(lambda: connection.is_connected)
        assert client.last_error is None


async def get_stuck(server: EmbeddedNats, connection: Connection) -> None:
    """Stops the server in its tracks, and sends until nothing more fits into the socket."""
    freeze(server.pid)

    def is_stuck() -> bool:
        connection._transport.publish("large", b"x" * 1_000_000)
        return connection._transport.unsent > 8_000_000

    await eventually(is_stuck)


async def test_what_is_unsent_when_the_connection_breaks_is_forgotten(
    own_nats: EmbeddedNats,
) -> None:
    async with await connect(own_nats.url) as connection:
        await get_stuck(own_nats, connection)
        own_nats.kill()
        client = client_of(connection)
        await eventually(lambda: not connection.is_connected and client.pending_data_size == 0)


async def test_a_server_that_is_gone_without_a_word_does_not_hold_up_the_reconnect(
    own_nats: EmbeddedNats,
) -> None:
    async with await connect(own_nats.url) as connection:
        await get_stuck(own_nats, connection)
        call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
        await eventually(lambda: len(connection._calls) == 1)
        # What nats-py does when its pings are not answered.
        await client_of(connection).force_reconnect()
        async with asyncio.timeout(5.0):
            with pytest.raises(StatusError, match="the connection to NATS was lost"):
                await call
        own_nats.kill()
        own_nats.start()
        await eventually(lambda: connection.is_connected)


async def test_a_server_that_is_gone_without_a_word_does_not_hold_up_the_end(
    own_nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protonats._transport.nats_transport._CLOSE_TIMEOUT", 0.05)
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

        # The socket takes a few megabytes, and a server that stands still no more.
        def publish_much() -> None:
            for _ in range(100):
                transport.publish("large", b"x" * 1_000_000)

        freeze(own_nats.pid)
        with pytest.raises(StatusError, match="publish more slowly") as error:
            publish_much()
        os.kill(own_nats.pid, signal.SIGCONT)
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


@pytest.mark.parametrize("character", ["\x0b", "\x0c"])
async def test_a_subject_with_a_character_that_nats_py_takes_for_a_blank_is_read(
    nats: EmbeddedNats, character: str
) -> None:
    """nats-py's parser would see three arguments where there are two, and cut the connection."""
    value = StringValue(value=f"a{character}b")
    lost: list[bool] = []
    async with serving(nats.url, Echo()) as (_, connection), raw_nats(nats.url) as raw:
        connection.connection_lost = lambda: lost.append(True)  # type: ignore[method-assign]
        answer = await raw.request(f"svc.echo.v1.room.{value.value}", value.SerializeToString())
        assert answer.headers == b""
    assert not lost


async def test_a_subject_cannot_name_another_subscription(nats: EmbeddedNats) -> None:
    """To nats-py's parser, what follows the character would be the number of a subscription."""
    async with await connect(nats.url) as connection, raw_nats(nats.url) as raw:
        transport, received = connection._transport, list[str]()
        await transport.subscribe("private", lambda message: received.append("private"))
        private = client_of(connection)._sid
        await transport.subscribe("public.*", lambda message: received.append(message.subject))
        await transport.barrier()
        raw.publish(f"public.a\x0b{private}", b"forged")
        raw.publish("public.end", b"")
        await eventually(lambda: "public.end" in received)
    assert received == [f"public.a\x0b{private}", "public.end"]


async def test_a_subject_too_long_for_the_server_is_refused_and_the_connection_stays(
    nats: EmbeddedNats,
) -> None:
    """The server would end the connection, and nats-py not open it again."""
    async with serving(nats.url, Echo()), calling(nats.url) as client:
        longest = 2048 - len("svc.echo.v1.room.")
        await client.room(StringValue(value="x" * longest))
        for value in ("x" * (longest + 1), "\u00e9" * (longest // 2 + 1), "x" * 5000):
            with pytest.raises(StatusError, match=r"subject .*2048 bytes") as error:
                await client.room(StringValue(value=value))
            assert error.value.code is Code.INVALID_ARGUMENT
            assert len(str(error.value)) < 300
        await client.say(StringValue())


@pytest.fixture
def jetstream_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as server:
        yield server


async def test_the_header_block_counts_for_the_size_of_what_nats_py_sends_by_itself(
    jetstream_nats: EmbeddedNats,
) -> None:
    """The server would end the connection, and nats-py not open it again."""
    async with await connect(jetstream_nats.url) as connection:
        await provision.apply(connection.jetstream, {"buckets": [{"name": "states"}]})
        bucket = await KeyValue.open(connection, "states")
        with pytest.raises(StatusError, match="max_payload") as error:
            await bucket.write("a", b"x" * connection.max_payload, after=0)
        assert error.value.code is Code.RESOURCE_EXHAUSTED
        assert await bucket.write("a", b"x", after=0) is not None


async def test_what_nats_py_sends_by_itself_waits_for_no_connection(
    jetstream_nats: EmbeddedNats,
) -> None:
    async with await connect(jetstream_nats.url) as connection:
        await provision.apply(connection.jetstream, {"buckets": [{"name": "states"}]})
        bucket = await KeyValue.open(connection, "states")
        jetstream_nats.kill()
        await eventually(lambda: not connection.is_connected)
        client = client_of(connection)
        for _ in range(3):
            async with asyncio.timeout(1.0):
                with pytest.raises(StatusError, match="bucket states does not answer") as error:
                    await bucket.write("a", b"later", after=0)
            assert error.value.code is Code.UNAVAILABLE
            with pytest.raises(nats.errors.ConnectionReconnectingError):
                await client.publish("a", b"later")
        assert client.pending_data_size == 0
        assert client._resp_map == {}


async def test_a_connection_that_breaks_ends_a_barrier_at_once(own_nats: EmbeddedNats) -> None:
    async with await connect(own_nats.url) as connection:
        freeze(own_nats.pid)
        barrier = asyncio.create_task(connection._transport.barrier())
        await eventually(lambda: bool(client_of(connection)._pongs))
        own_nats.kill()
        async with asyncio.timeout(3.0):
            with pytest.raises(StatusError) as error:
                await barrier
        assert error.value.code is Code.UNAVAILABLE
        own_nats.start()


async def test_a_drain_during_which_the_connection_breaks_leaves_no_subscription(
    own_nats: EmbeddedNats,
) -> None:
    """The reconnect renews it, so calls would go to an instance that is gone."""
    async with serving(own_nats.url, Echo()) as (instance, connection):
        freeze(own_nats.pid)
        draining = asyncio.create_task(instance.drain(grace=1.0))
        await eventually(lambda: bool(client_of(connection)._pongs))
        # What nats-py does when its pings are not answered.
        await client_of(connection).force_reconnect()
        os.kill(own_nats.pid, signal.SIGCONT)
        await eventually(lambda: connection.is_connected)
        await draining
        await connection._transport.barrier()
        async with raw_nats(own_nats.url) as raw:
            for subject in ("svc.echo.v1.say", "$SRV.PING", "$SRV.PING.echo"):
                answer = await raw.request(subject, b"")
                assert answer.headers.startswith(b"NATS/1.0 503")


async def test_a_callback_that_fails_is_logged_and_the_next_message_comes(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    async with await connect(nats.url) as connection:
        received: list[bytes] = []

        def callback(message: Message) -> None:
            received.append(message.body)
            if message.body == b"bad":
                raise RuntimeError("a defect")

        await connection._transport.subscribe("callback", callback)
        for body in (b"bad", b"good"):
            connection._transport.publish("callback", body)
        await eventually(lambda: received == [b"bad", b"good"])
    (record,) = [record for record in caplog.records if "callback" in record.message]
    assert record.exc_info is not None
