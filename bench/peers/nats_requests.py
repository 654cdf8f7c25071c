"""Bare nats-py: `request` and `respond`, `js.publish` and `fetch`, without headers."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter

import nats
from acme.bench.v1 import bench_pb2
from nats.aio.client import Client
from nats.aio.msg import Msg

from bench import certificates, jetstream, messages
from bench.load import keep_in_flight, one_by_one
from bench.peer import Context, Outcome, Place

_SUBJECT = "bench.echo"
_TIMEOUT = 10.0
_DURABLE = "bench_nats_py"
_BATCH = 100


@asynccontextmanager
async def serve(place: Place) -> AsyncIterator[str]:
    connection = await _connect(place)
    await connection.subscribe(_SUBJECT, queue="bench", cb=_echo)
    await connection.flush()
    yield ""
    await connection.close()


@asynccontextmanager
async def client(place: Place) -> Context:
    connection = await _connect(place)
    item = messages.item()

    async def echo() -> bench_pb2.Item:
        answer = await connection.request(_SUBJECT, item.SerializeToString(), _TIMEOUT)
        return bench_pb2.Item.FromString(answer.data)

    stream = connection.jetstream()
    event = bench_pb2.ItemAdded(item=item)

    async def publish() -> None:
        await stream.publish(jetstream.SUBJECT, event.SerializeToString())

    async def write(count: int) -> None:
        for _ in range(count):
            await connection.publish(jetstream.SUBJECT, event.SerializeToString())
        await connection.flush()

    async def consume(seconds: float) -> Outcome:
        await jetstream.ensure_consumer(stream, _DURABLE)
        pull = await stream.pull_subscribe_bind(_DURABLE, jetstream.STREAM)
        count = 0
        began = perf_counter()
        while count < jetstream.EVENTS:
            for message in await pull.fetch(_BATCH):
                bench_pb2.ItemAdded.FromString(message.data)
                await message.ack()
                count += 1
        await jetstream.until_acknowledged(stream, _DURABLE)
        taken = perf_counter() - began
        await pull.unsubscribe()
        return {"count": count, "seconds": taken}

    yield {
        "unary": partial(keep_in_flight, echo),
        "unary-p50": partial(one_by_one, echo),
        "publish": partial(keep_in_flight, publish),
        "fill": partial(jetstream.fill, stream, write),
        "consume": consume,
    }
    await connection.close()


async def _connect(place: Place) -> Client:
    if place.tls is None:
        return await nats.connect(place.url)
    return await nats.connect(
        place.url, tls=certificates.context(place.tls), tls_hostname=certificates.HOST
    )


async def _echo(message: Msg) -> None:
    await message.respond(bench_pb2.Item.FromString(message.data).SerializeToString())
