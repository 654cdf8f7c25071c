"""Garbage as answers: on the inbox of a caller, for calls that run and for calls that do not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from protonats._wire import headers
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.faults.attack import all_dropped, all_kinds_work, memory, settled
from tests.faults.garbage import CALL, Garbage
from tests.functional.raw_nats import RawMessage, RawNats, raw_nats
from tests.functional.raw_streams import INSTANCE, announce, cancelled
from tests.functional.streams import StreamClient, Streams, each, pair, text, values

pytestmark = pytest.mark.anyio

_GROWTH = 32 * 1024 * 1024
_TIMEOUT = 1.0
_LATE = 3.0
_AT_ONCE = 150
_ACCEPTING = {"Pn-Instance": INSTANCE, "Pn-Stream": announce()}
_PART = {"Pn-Call": CALL, "Pn-Instance": INSTANCE, "Pn-Part": "00000004-00000000"}
_LARGE = "x" * 20_000

_CALLS: dict[str, Callable[[StreamClient], Awaitable[object]]] = {
    "say": lambda client: client.say(text("hi"), timeout=_TIMEOUT),
    "large": lambda client: client.say(text(_LARGE), timeout=_TIMEOUT),
    "watch": lambda client: values(client.watch(text("hi"), timeout=_TIMEOUT)),
    "ingest": lambda client: client.ingest(each("a", "b"), timeout=_TIMEOUT),
    "chat": lambda client: values(client.chat(each("a", "b"), timeout=_TIMEOUT)),
}


class Liar:
    """Takes all calls of the echo service, and answers each with garbage."""

    def __init__(self, raw: RawNats, garbage: Garbage) -> None:
        self.inputs = 0
        self._raw = raw
        self._garbage = garbage

    async def run(self) -> None:
        await self._raw.subscribe("svc.echo.v1.>")
        while True:
            request = await self._raw.receive(timeout=60)
            if request.reply:
                self._answer(request)

    def _answer(self, request: RawMessage) -> None:
        rng = self._garbage.random
        call_id = request.reply.rpartition(".")[2]
        if b"Pn-Stream" not in request.headers:
            self._send(request, self._garbage.block(call_id, like=_PART), self._garbage.body())
            if rng.random() < 0.1:
                self._send(request, b"", self._garbage.body())
            return
        if rng.random() < 0.9:
            self._send(request, headers.encode(_ACCEPTING), b"")
        for _ in range(rng.randrange(20)):
            block = b"" if rng.random() < 0.8 else self._garbage.block(call_id, like=_ACCEPTING)
            self._send(request, block, self._garbage.body())
        self._send(request, *cancelled())

    def _send(self, request: RawMessage, block: bytes, body: bytes) -> None:
        self.inputs += 1
        self._raw.publish(request.reply, body, headers=block)


@asynccontextmanager
async def caller(url: str) -> AsyncIterator[StreamClient]:
    """A client without a breaker, which would end all calls at once."""
    settings = ConnectionSettings(servers=(url,), name="caller", breaker=None)
    async with await connect(settings) as connection:
        yield StreamClient(connection)


async def _ask(client: StreamClient, ends: Counter[str]) -> None:
    """Makes many calls at once; each has a response or a status, in its time."""
    calls = [call(client) for call in _CALLS.values() for _ in range(_AT_ONCE)]
    async with asyncio.timeout(_TIMEOUT + _LATE):
        results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, StatusError):
            ends[result.code.name] += 1
        else:
            assert not isinstance(result, BaseException), repr(result)
            ends["OK"] += 1


async def test_garbage_as_answers(small_nats: EmbeddedNats) -> None:
    garbage, inputs, ends = Garbage(11), 25_000, Counter[str]()
    async with raw_nats(small_nats.url) as raw, caller(small_nats.url) as client:
        liar, connection = Liar(raw, garbage), client._connection
        lying = asyncio.create_task(liar.run())
        tasks = asyncio.all_tasks()
        # The first ones show how much so many calls at once take.
        await _ask(client, ends)
        before = memory()
        while liar.inputs < inputs:
            await _ask(client, ends)
        assert not lying.done()
        lying.cancel()
        await asyncio.wait([lying])
        await settled(raw, connection)
        assert len(connection._calls) == len(connection._streams) == len(connection._timers) == 0
        assert all_dropped(connection) > inputs // 10
        assert asyncio.all_tasks() <= tasks
        assert memory() - before < _GROWTH
    assert {"OK", Code.INTERNAL.name, Code.CANCELLED.name, Code.DATA_LOSS.name} <= set(ends), ends


async def test_garbage_for_calls_that_nobody_makes(nats: EmbeddedNats) -> None:
    garbage, inputs = Garbage(12), 5_000
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        connection = both.client._connection
        for _ in range(inputs):
            token = garbage.call_id()
            subject = connection._calls.reply_subject(token)
            raw.publish(subject, garbage.body(), headers=garbage.block(token))
        await settled(raw, connection)
        assert all_dropped(connection) == inputs
        await all_kinds_work(both)
