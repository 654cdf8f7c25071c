"""A bad line to a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import protonats
from protonats.connection import Connection, connect
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats, FaultyLink
from tests.functional.echo import Echo, EchoClient, eventually, serving
from tests.functional.talk import text

pytestmark = pytest.mark.anyio


@pytest.fixture
async def link(nats: EmbeddedNats) -> AsyncIterator[FaultyLink]:
    async with FaultyLink(nats.url) as link:
        yield link


@pytest.fixture
async def caller(link: FaultyLink) -> AsyncIterator[Connection]:
    settings = ConnectionSettings(servers=(link.url,), name="caller")
    async with await connect(settings) as connection:
        yield connection


async def test_a_good_line_lets_everything_through(
    nats: EmbeddedNats, link: FaultyLink, caller: Connection
) -> None:
    async with serving(nats.url, Echo()):
        large = text("x" * 900_000)
        assert await EchoClient(caller).say(large) == large
    assert link.connections == 1


async def test_latency_is_paid_each_way(
    nats: EmbeddedNats, link: FaultyLink, caller: Connection
) -> None:
    async with serving(nats.url, Echo()):
        link.latency = 0.05
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await EchoClient(caller).say(text("hello"))
        assert loop.time() - begin >= 0.1


async def test_a_stalled_line_holds_calls_up(
    nats: EmbeddedNats, link: FaultyLink, caller: Connection
) -> None:
    async with serving(nats.url, Echo()):
        client = EchoClient(caller)
        link.stall()
        with pytest.raises(protonats.StatusError) as failure:
            await client.say(text("hello"), timeout=0.1)
        assert failure.value.code is protonats.Code.DEADLINE_EXCEEDED
        assert caller.is_connected
        link.resume()
        assert await client.say(text("hello")) == text("hello")


async def test_a_cut_line_fails_calls_and_comes_back(
    nats: EmbeddedNats, link: FaultyLink, caller: Connection
) -> None:
    async with serving(nats.url, Echo()):
        client = EchoClient(caller)
        link.stall()
        call = asyncio.create_task(client.say(text("hello")))
        await eventually(lambda: len(caller._calls) == 1)
        link.cut()
        with pytest.raises(protonats.StatusError) as failure:
            await call
        assert failure.value.code is protonats.Code.UNAVAILABLE
        link.resume()
        await eventually(lambda: caller.is_connected, timeout=10)
        assert await client.say(text("hello")) == text("hello")


async def test_a_refusing_line_is_tried_again(link: FaultyLink, caller: Connection) -> None:
    url = link.url
    link.refuse()
    await eventually(lambda: not caller.is_connected and link.connections == 0)
    with pytest.raises(protonats.StatusError) as failure:
        await connect(ConnectionSettings(servers=(url,), startup_timeout=0.2))
    assert failure.value.code is protonats.Code.UNAVAILABLE
    await link.accept()
    assert link.url == url
    await eventually(lambda: caller.is_connected, timeout=10)


async def test_what_has_no_port_is_refused() -> None:
    with pytest.raises(ValueError, match="no host and port"):
        FaultyLink("nats://somewhere")
    with pytest.raises(RuntimeError, match="not open"):
        _ = FaultyLink("nats://127.0.0.1:4222").url
