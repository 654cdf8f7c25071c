"""A broker that is killed and started again while everything goes through it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.faults.attack import all_kinds_work
from tests.faults.peer import ticks
from tests.functional.echo import eventually
from tests.functional.streams import (
    Responses,
    StreamClient,
    Streams,
    code_of,
    count_up,
    each,
    pair,
    text,
    values,
)

pytestmark = pytest.mark.anyio

_TIMEOUT = 2.0
_LATE = 1.0
_WORKERS = 5
_RESTARTS = 3

_CALLS: dict[str, Callable[[StreamClient], Awaitable[object]]] = {
    "say": lambda client: client.say(text("hi"), timeout=_TIMEOUT),
    "watch": lambda client: values(client.watch(text(50), timeout=_TIMEOUT)),
    "ingest": lambda client: client.ingest(each(*range(50)), timeout=_TIMEOUT),
    "chat": lambda client: values(client.chat(each(*range(50)), timeout=_TIMEOUT)),
}
_LONG: dict[str, Callable[[StreamClient], Awaitable[object]]] = {
    "watch": lambda client: values(client.watch(text("ever"), timeout=60)),
    "ingest": lambda client: client.ingest(ticks(), timeout=60),
    "chat": lambda client: values(client.chat(ticks(), timeout=60)),
}


async def watch(request: StringValue, context: CallContext) -> Responses:
    """As many messages as the request says, or for ever."""
    messages = ticks() if request.value == "ever" else count_up(request, context)
    async for message in messages:
        yield message


async def test_every_call_ends_and_all_work_afterwards(own_nats: EmbeddedNats) -> None:
    ends: dict[str, Counter[str]] = {name: Counter() for name in _CALLS}
    stopping = False
    async with pair(own_nats.url, Streams(watch=watch), breaker=None) as both:
        client, streams = both.client, both.client._connection._streams

        async def work(name: str) -> None:
            while not stopping:
                began = time.monotonic()
                try:
                    await _CALLS[name](client)
                    ends[name]["OK"] += 1
                except StatusError as error:
                    ends[name][error.code.name] += 1
                    # Without a connection, it fails at once.
                    await asyncio.sleep(0.01)
                assert time.monotonic() - began < _TIMEOUT + _LATE

        workers = [asyncio.create_task(work(name)) for name in _CALLS for _ in range(_WORKERS)]
        for _ in range(_RESTARTS):
            answered = {name: count["OK"] for name, count in ends.items()}
            await eventually(
                lambda: all(ends[name]["OK"] > answered[name] for name in _CALLS),  # noqa: B023
                timeout=10,
            )
            long = [asyncio.create_task(code_of(call(client))) for call in _LONG.values()]
            await eventually(lambda: len(streams) >= len(_LONG))
            answered = {name: count["OK"] for name, count in ends.items()}
            await eventually(
                lambda: any(ends[name]["OK"] > answered[name] for name in _CALLS)  # noqa: B023
            )
            own_nats.kill()
            assert [code for code, _ in await asyncio.gather(*long)] == [Code.UNAVAILABLE] * 3
            own_nats.start()
        answered = {name: count["OK"] for name, count in ends.items()}
        await eventually(
            lambda: all(ends[name]["OK"] > answered[name] for name in _CALLS), timeout=10
        )
        stopping = True
        await asyncio.gather(*workers)
        await all_kinds_work(both)
    seen = set().union(*ends.values())
    assert "UNAVAILABLE" in seen
    assert seen <= {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}, ends
