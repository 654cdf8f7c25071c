"""Nothing is left of a long mix of everything that can happen to a call."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import socket
import urllib.request
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats._serving import cancellations
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.faults.attack import all_kinds_work, memory
from tests.functional.consuming import all_answered, consume, publish_when_possible
from tests.functional.echo import eventually
from tests.functional.game import Game, GameServicePublisher, until
from tests.functional.streams import (
    Pair,
    Responses,
    StreamClient,
    Streams,
    each,
    pair,
    text,
    values,
)

pytestmark = pytest.mark.anyio

_ROUNDS = 60
_AT_ONCE = 50
_LARGE = "x" * 40_000


async def say(request: StringValue, context: CallContext) -> StringValue:
    """Answers, fails, or takes its time, as the request wants."""
    if request.value == "slow":
        await asyncio.sleep(0.05)
    elif request.value == "fail":
        raise StatusError(Code.NOT_FOUND, "no")
    elif request.value == "break":
        raise StatusError(Code.DATA_LOSS, "no")
    return request


async def slowly(*messages: object) -> Responses:
    for message in messages:
        yield text(message)
        await asyncio.sleep(0.002)


async def leave(responses: AsyncIterable[StringValue], after: int) -> None:
    """Reads some messages of a stream, and abandons it."""
    async for _ in responses:
        after -= 1
        if after <= 0:
            break


_ACTIONS: tuple[Callable[[StreamClient], Awaitable[object]], ...] = (
    lambda client: client.say(text("hi")),
    lambda client: client.say(text("fail")),
    lambda client: client.say(text("slow"), timeout=0.02),
    lambda client: client.say(text("slow"), idempotency_key="k"),
    lambda client: client.say(text(_LARGE)),
    lambda client: client.say(text("hi"), metadata={"bad": "\n"}),
    lambda client: values(client.watch(text(30))),
    lambda client: leave(client.watch(text(5000)), 3),
    lambda client: values(client.watch(text("no number"))),
    lambda client: client.ingest(slowly(*range(10))),
    lambda client: client.ingest(slowly(*range(1000)), timeout=0.02),
    lambda client: values(client.chat(slowly(*range(10)))),
    lambda client: leave(client.chat(slowly(*range(1000))), 2),
    lambda client: values(client.chat(each("a", _LARGE))),
)


def _objects() -> Counter[str]:
    """How many objects of each class of the runtime there are."""
    gc.collect()
    return Counter(
        f"{type(item).__module__}.{type(item).__qualname__}"
        for item in gc.get_objects()
        if str(type(item).__module__).startswith("protonats.")
    )


async def _mix(client: StreamClient, rng: random.Random) -> None:
    tasks = [
        asyncio.ensure_future(rng.choice(_ACTIONS)(client)) for _ in range(rng.randrange(_AT_ONCE))
    ]
    for task in rng.sample(tasks, len(tasks) // 4):
        asyncio.get_running_loop().call_later(rng.random() / 50, task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)


def _timers(both: Pair) -> int:
    return sum(len(connection._timers) for connection in both.connections)


@pytest.fixture
async def watched_nats() -> AsyncIterator[tuple[EmbeddedNats, str]]:
    """A server that the test may stop, and where it tells about its connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with EmbeddedNats(jetstream=True, config=f'http: "{address}"') as nats:
        yield nats, f"http://{address}/connz"


async def _subscriptions(connections_page: str) -> list[int]:
    """How many subscriptions each connection has, as the server knows it."""

    def read() -> list[int]:
        with urllib.request.urlopen(connections_page) as page:
            return sorted(item["subscriptions"] for item in json.load(page)["connections"])

    return await asyncio.to_thread(read)


@asynccontextmanager
async def _events(nats: EmbeddedNats, name: str) -> AsyncIterator[None]:
    """Publishes and handles events meanwhile; at the end, none may be missing."""
    async with await protonats.connect(nats.url) as connection:
        game = Game()
        consumer = await consume(connection, game, [], ack_wait_seconds=1)
        publisher, published, stopped = GameServicePublisher(connection), 0, asyncio.Event()

        async def publish() -> None:
            nonlocal published
            while not stopped.is_set():
                await publish_when_possible(publisher, f"{name}-{published}")
                published += 1
                await asyncio.sleep(0.002)

        publishing = asyncio.create_task(publish())
        yield
        stopped.set()
        await publishing
        await until(lambda: len(set(game.values)) == published)
        await all_answered(connection)
        await consumer.drain(5)
    assert published


async def test_a_long_mix_leaves_nothing(
    watched_nats: tuple[EmbeddedNats, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cancellations, "_KEEP", 0.5)
    # pytest keeps what is logged, with all that an exception holds.
    caplog.set_level(logging.CRITICAL, logger="protonats")
    nats, page = watched_nats
    rng, server = random.Random(31), Streams()
    server.handler = say
    async with pair(nats.url, server, breaker=None) as both:
        client, connections = both.client, both.connections
        async with _events(nats, "first"):
            await _mix(client, rng)
            await all_kinds_work(both)
        await eventually(lambda: not both.left() and not _timers(both))
        objects, tasks = _objects(), len(asyncio.all_tasks())
        subscriptions = await _subscriptions(page)
        before = memory()
        async with _events(nats, "then"):
            for round_number in range(_ROUNDS):
                await _mix(client, rng)
                if round_number % 20 == 10:
                    mixing = asyncio.create_task(_mix(client, rng))
                    await asyncio.sleep(0.005)
                    nats.kill()
                    await mixing
                    nats.start()
                    await eventually(lambda: all(item.is_connected for item in connections))
        await all_kinds_work(both)
        await eventually(lambda: not both.left() and not _timers(both))
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
        assert await _subscriptions(page) == subscriptions
        assert memory() - before < 32 * 1024 * 1024
        # What was cancelled is forgotten in time.
        assert not both.instance._serving.cancellations._remembered
        server.contexts.clear()
        left = _objects() - objects
        assert not {name: count for name, count in left.items() if count > 2}
