"""Events that no stream stores, and who is told what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats import Code, StatusError, _missing_stream, deadline, provision
from protonats.connection import Connection
from protonats.testing import EmbeddedNats, LocalPlatform
from tests.functional.game import GameServicePublisher, plan
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio

SUBJECT = "evt.game.won.v1.q"
NO_STREAM = (
    Code.FAILED_PRECONDITION,
    f"no stream stores {SUBJECT}: create it with `{_missing_stream.PROVISION}`",
)


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protonats.events.ACK_TIMEOUT", 0.1)


async def refusal(connection: Connection) -> tuple[Code, str]:
    """What becomes of an event."""
    with pytest.raises(StatusError) as error:
        await GameServicePublisher(connection).publish_won(StringValue(value="q"))
    return error.value.code, error.value.message


async def test_without_a_stream_it_is_said_at_once(nats: EmbeddedNats) -> None:
    async with await protonats.connect(nats.url) as connection:
        assert await refusal(connection) == NO_STREAM


async def test_a_listener_that_stores_nothing_does_not_hide_that(nats: EmbeddedNats) -> None:
    async with await protonats.connect(nats.url) as connection, raw_nats(nats.url) as cache:
        await cache.subscribe("evt.game.won.v1.*")
        assert await refusal(connection) == NO_STREAM


async def test_the_same_in_one_process() -> None:
    async with LocalPlatform(plan={"streams": []}) as platform:
        listener = await platform.connect()
        await listener._transport.subscribe("evt.>", lambda message: None)
        assert await refusal(platform.connection) == NO_STREAM


async def test_a_stream_that_is_late_is_late(nats: EmbeddedNats) -> None:
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        with deadline.scope(asyncio.get_running_loop().time() + 1e-6):
            code, message = await refusal(connection)
        assert (code, "no answer from" in message) == (Code.DEADLINE_EXCEEDED, True)
        for stream in ("GAME", "DLQ"):
            await connection.jetstream.delete_stream(stream)


@pytest.mark.parametrize("listens", [False, True])
@pytest.mark.parametrize("account", [False, True])
async def test_a_server_without_jetstream_is_told_apart(listens: bool, account: bool) -> None:
    config = "accounts { PLAIN { users: [{user: u, password: p}] } }" if account else ""
    with EmbeddedNats(jetstream=account, config=config) as plain:
        url = plain.url.replace("nats://", "nats://u:p@") if account else plain.url
        async with await protonats.connect(url) as connection, await protonats.connect(url) as two:
            if listens:
                await two._transport.subscribe("evt.>", lambda message: None)
                await two._transport.barrier()
            assert await refusal(connection) == (
                Code.FAILED_PRECONDITION,
                f"no stream stores {SUBJECT}, as JetStream is off for this account or server:"
                " switch it on (`nats-server -js`, or `jetstream {}` in its configuration)",
            )


async def test_who_may_not_ask_for_streams_asks_once(caplog: pytest.LogCaptureFixture) -> None:
    user = '{user: u, password: p, permissions: {publish: ["evt.>"], subscribe: ["_INBOX.>"]}}'
    caplog.set_level(logging.ERROR, "protonats")
    with EmbeddedNats(jetstream=True, config=f"authorization {{ users: [{user}] }}") as server:
        url = server.url.replace("nats://", "nats://u:p@")
        async with await protonats.connect(url) as connection:
            assert [await refusal(connection) for _ in range(3)] == [NO_STREAM] * 3
    assert caplog.text.count("refused permission") == 1
