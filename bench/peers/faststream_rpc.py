"""FastStream over NATS: a request to a subscriber."""

# pyright: reportMissingImports=false
from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from acme.bench.v1 import bench_pb2
from faststream.nats import NatsBroker
from faststream.security import BaseSecurity

from bench import certificates, messages
from bench.load import keep_in_flight, one_by_one
from bench.peer import Context, Place

_SUBJECT = "bench.faststream.echo"


async def _echo(body: bytes) -> bytes:
    answer: bytes = bench_pb2.Item.FromString(body).SerializeToString()
    return answer


@asynccontextmanager
async def serve(place: Place) -> AsyncIterator[str]:
    # One log line a call would be measured otherwise.
    broker = NatsBroker(place.url, security=_security(place), log_level=logging.DEBUG)
    broker.subscriber(_SUBJECT, queue="bench")(_echo)
    async with broker:
        await broker.start()
        yield ""


@asynccontextmanager
async def client(place: Place) -> Context:
    async with NatsBroker(place.url, security=_security(place)) as broker:
        item = messages.item()

        async def echo() -> bench_pb2.Item:
            answer = await broker.request(item.SerializeToString(), _SUBJECT, timeout=10)
            return bench_pb2.Item.FromString(answer.body)

        yield {"unary": partial(keep_in_flight, echo), "unary-p50": partial(one_by_one, echo)}


def _security(place: Place) -> BaseSecurity | None:
    if place.tls is None:
        return None
    return BaseSecurity(ssl_context=certificates.context(place.tls), use_ssl=True)
