"""Processes whose clocks are an hour apart."""

from __future__ import annotations

import asyncio
import time

import pytest

from protonats.connection import connect
from protonats.errors import Code
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.faults.peer import INTERVAL, peer, ticks
from tests.functional.echo import eventually
from tests.functional.streams import Held, StreamClient, code_of, pair, text, values

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("ahead", [3600, -3600])]


async def test_deadlines_do_not_depend_on_the_clock_of_the_instance(
    nats: EmbeddedNats, ahead: int
) -> None:
    settings = ConnectionSettings(servers=(nats.url,), name="caller", keepalive_interval=INTERVAL)
    async with peer("serve", nats.url, ahead=ahead), await connect(settings) as connection:
        client = StreamClient(connection)
        assert (await client.say(text("hi"), timeout=1)).value == "hi"
        began = time.monotonic()
        calls = (
            code_of(values(client.watch(text("1"), timeout=0.5))),
            code_of(client.ingest(ticks(), timeout=0.5)),
        )
        codes = [code for code, _ in await asyncio.gather(*calls)]
        assert codes == [Code.DEADLINE_EXCEEDED] * 2
        assert 0.5 <= time.monotonic() - began < 4.0


async def test_streams_live_whatever_the_clock_of_the_caller(
    nats: EmbeddedNats, ahead: int
) -> None:
    held = Held()
    async with pair(nats.url, held.server(), keepalive_interval=INTERVAL) as both:
        async with peer("call", nats.url, ahead=ahead):
            await eventually(lambda: held.begun == 3, timeout=10)
            streams = [stream for _, stream in both.instance._reception._streams.values()]
            # They are heard of for longer than silence may last.
            end = asyncio.get_running_loop().time() + 4 * INTERVAL
            await eventually(lambda: all(stream._heard_at > end for stream in streams))
            assert held.ended == []
        await eventually(lambda: len(held.ended) == 3)
