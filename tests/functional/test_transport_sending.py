"""What a transport sends, when, and at whose pace."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from protonats._transport.fast_client import FastClient
from protonats._transport.fast_transport import FastTransport
from protonats._transport.sending import LOW_WATER
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually, freeze
from tests.functional.inner import client_of
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server


async def test_all_that_is_sent_in_one_turn_leaves_in_one_write(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await connect(nats.url) as connection:
        transport = connection._transport
        if not isinstance(transport, FastTransport):
            pytest.skip("the fast transport is off")
        writes: list[bytes] = []
        socket: Any = client_of(connection)._transport
        write = socket.write

        def record(data: bytes) -> None:
            writes.append(data)
            write(data)

        monkeypatch.setattr(socket, "write", record)
        received: list[bytes] = []
        await transport.subscribe("turn", lambda message: received.append(message.body))
        await transport.barrier()
        writes.clear()
        for number in range(100):
            transport.publish("turn", b"%d" % number, block=b"NATS/1.0\r\nA: b\r\n\r\n")
        await eventually(lambda: len(received) == 100)
        assert received == [b"%d" % number for number in range(100)]
        assert len(writes) == 1


async def test_much_is_not_held_back_until_the_end_of_the_turn(nats: EmbeddedNats) -> None:
    async with await connect(nats.url) as connection:
        transport = connection._transport
        if not isinstance(transport, FastTransport):
            pytest.skip("the fast transport is off")
        await transport.barrier()
        transport.publish("turn", b"x" * 8000)
        queued = client_of(connection).pending_data_size
        assert queued > 8000
        transport.publish("turn", b"x" * 8000)
        assert client_of(connection).pending_data_size == 0


async def test_the_answers_to_a_batch_leave_in_one_write(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await connect(nats.url) as connection, raw_nats(nats.url) as raw:
        transport = connection._transport
        if not isinstance(transport, FastTransport):
            pytest.skip("the fast transport is off")
        writes: list[int] = []
        write = FastClient.write_queued

        def record(client: FastClient) -> None:
            if client._pending:
                writes.append(client.pending_data_size)
            write(client)

        monkeypatch.setattr(FastClient, "write_queued", record)
        tasks: list[asyncio.Task[None]] = []

        async def answer(reply: str) -> None:
            transport.publish(reply, b"")

        await transport.subscribe(
            "batch", lambda message: tasks.append(asyncio.create_task(answer(message.reply)))
        )
        await transport.barrier()
        await raw.subscribe("_INBOX.raw.*")
        writes.clear()
        raw.write(b"".join(b"PUB batch _INBOX.raw.%d 0\r\n\r\n" % number for number in range(20)))
        for number in range(20):
            assert (await raw.receive()).subject == f"_INBOX.raw.{number}"
        assert len(writes) <= 2
        await asyncio.gather(*tasks)


async def test_a_subscription_takes_no_task(nats: EmbeddedNats) -> None:
    async with await connect(nats.url) as connection:
        if not isinstance(connection._transport, FastTransport):
            pytest.skip("the fast transport is off")
        before = len(asyncio.all_tasks())
        for number in range(20):
            await connection._transport.subscribe(f"no_task.{number}", lambda _: None)
        assert len(asyncio.all_tasks()) == before


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("", ""),
        ("a b", ""),
        ("a\tb", ""),
        ("a\r\nPUB b 0\r\n", ""),
        ("a", "b c"),
        ("a", "b\r\nPING"),
        ("a\nb", "c"),
        ("a", " "),
    ],
)
async def test_a_subject_cannot_forge_a_command(
    nats: EmbeddedNats, subject: str, reply: str
) -> None:
    async with await connect(nats.url) as connection:
        with pytest.raises(StatusError, match="is no subject") as error:
            connection._transport.publish(subject, b"x", reply=reply)
        assert error.value.code is Code.INVALID_ARGUMENT
        assert connection._transport.unsent == 0


async def test_a_subject_may_be_any_text_without_blanks(nats: EmbeddedNats) -> None:
    subjects = ["a\u200bb", "\u00c9t\u00e9", "a\x0bb", "\u00a0", "x" * 2000]
    async with await connect(nats.url) as connection:
        received: list[tuple[str, str]] = []
        transport = connection._transport
        await transport.subscribe(
            "any.*", lambda message: received.append((message.subject, message.reply))
        )
        for subject in subjects:
            transport.publish(f"any.{subject}", b"", reply=subject)
        await eventually(lambda: len(received) == len(subjects))
        assert received == [(f"any.{subject}", subject) for subject in subjects]


async def test_whoever_sends_much_waits_for_a_server_that_is_slow(own_nats: EmbeddedNats) -> None:
    async with await connect(own_nats.url) as connection:
        transport = connection._transport
        sent = 0

        async def send() -> None:
            nonlocal sent
            while sent < 400:
                await transport.writable()
                transport.publish("much", b"x" * 100_000)
                sent += 1

        freeze(own_nats.pid)
        sending = asyncio.create_task(send())
        await eventually(lambda: transport.unsent > LOW_WATER)
        stuck_at = sent
        await transport_rests(lambda: sent)
        assert sent < 400
        assert transport.unsent < LOW_WATER + 200_000
        os.kill(own_nats.pid, signal.SIGCONT)
        await sending
        assert sent > stuck_at
        await transport.barrier()
        assert transport.unsent == 0


async def transport_rests(count: Any) -> None:
    """Returns when nothing more is sent for some turns of the loop."""
    last, turns = count(), 0
    while turns < 50:
        await asyncio.sleep(0.001)
        last, turns = count(), turns + 1 if count() == last else 0


async def test_whoever_waits_to_send_is_told_when_the_connection_breaks(
    own_nats: EmbeddedNats,
) -> None:
    async with await connect(own_nats.url) as connection:
        transport = connection._transport
        freeze(own_nats.pid)

        async def send() -> None:
            while True:
                await transport.writable()
                transport.publish("much", b"x" * 100_000)

        sending = asyncio.create_task(send())
        await eventually(lambda: transport.unsent > LOW_WATER)
        own_nats.kill()
        async with asyncio.timeout(5.0):
            with pytest.raises(StatusError) as error:
                await sending
        assert error.value.code is Code.UNAVAILABLE
        await eventually(lambda: transport.unsent == 0)
        with pytest.raises(StatusError, match="there is no connection"):
            await transport.writable()
