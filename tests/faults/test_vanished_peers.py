"""Processes that are killed or stand still while calls run."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats.connection import connect
from protonats.errors import Code
from protonats.server import CallContext
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.faults.peer import INTERVAL, peer, ticks
from tests.functional.echo import eventually
from tests.functional.streams import Held, Responses, StreamClient, code_of, pair, text

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"]),
]

_NOTICED = 25 * INTERVAL


async def test_an_instance_that_vanishes_ends_what_it_served(
    own_nats: EmbeddedNats, how: signal.Signals
) -> None:
    settings = ConnectionSettings(
        servers=(own_nats.url,), name="caller", keepalive_interval=INTERVAL
    )
    async with await connect(settings) as connection:
        client, heard = StreamClient(connection), asyncio.Event()

        async def listen(responses: Responses) -> None:
            async for _ in responses:
                heard.set()

        async with peer("serve", own_nats.url) as process:
            calls = [
                asyncio.create_task(code_of(call))
                for call in (
                    listen(client.watch(text("1"), timeout=60)),
                    client.ingest(ticks(), timeout=60),
                    listen(client.chat(ticks(), timeout=60)),
                )
            ]
            await asyncio.wait_for(heard.wait(), 10)
            await eventually(lambda: len(connection._streams) == 3)
            process.send_signal(how)
            began = time.monotonic()
            codes = [code for code, _ in await asyncio.gather(*calls)]
            assert time.monotonic() - began < _NOTICED
            assert codes == [Code.UNAVAILABLE] * 3
            code, _ = await code_of(client.say(text("hi"), timeout=0.3))
            assert code in (Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE)
        assert len(connection._calls) == len(connection._streams) == 0
        async with peer("serve", own_nats.url):
            assert (await client.say(text("hi"))).value == "hi"


async def test_a_caller_that_vanishes_ends_what_it_called(
    own_nats: EmbeddedNats, how: signal.Signals
) -> None:
    held, released = Held(), asyncio.Event()
    server = held.server()

    async def say(request: StringValue, context: CallContext) -> StringValue:
        if request.value == "never":
            await released.wait()
        return request

    server.handler = say
    async with pair(own_nats.url, server, keepalive_interval=INTERVAL) as both:
        async with peer("call", own_nats.url) as process:
            await eventually(lambda: held.begun == 3, timeout=10)
            process.send_signal(how)
            began = time.monotonic()
            await eventually(lambda: sorted(held.ended) == ["chat", "ingest", "watch"])
            assert time.monotonic() - began < _NOTICED
        # What has no stream ends with its handler, or its deadline.
        await eventually(lambda: both.instance.in_flight == 1)
        released.set()
        await eventually(lambda: not both.left())
        assert (await both.client.say(text("hi"))).value == "hi"
