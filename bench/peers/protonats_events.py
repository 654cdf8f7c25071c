"""Durable events of protonats."""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from time import perf_counter

from acme.bench.v1 import bench_pb2
from acme.bench.v1.bench_nats import BenchServicePublisher, ReaderServiceServer

import protonats
from bench import jetstream, messages
from bench.load import WIDTH, keep_in_flight
from bench.peer import Outcome, Workload

__all__ = ["workloads"]

_DURABLE = "bench_reader"


class _ReaderService(ReaderServiceServer):
    """Notes when the first of so many events came, and that the last one did."""

    def __init__(self, events: int) -> None:
        self.began = 0.0
        self.last = asyncio.Event()
        self._events = events
        self._count = 0

    async def on_item_added(
        self, event: bench_pb2.ItemAdded, context: protonats.EventContext
    ) -> None:
        if not self._count:
            self.began = perf_counter()
        self._count += 1
        if self._count == self._events:
            self.last.set()


def workloads(
    connection: protonats.Connection, settings: protonats.Settings
) -> Mapping[str, Workload]:
    """What can be measured of events, by name."""
    publisher = BenchServicePublisher(connection)
    event = bench_pb2.ItemAdded(item=messages.item())

    async def publish() -> None:
        await publisher.publish_item_added(event)

    async def write(count: int) -> None:
        for first in range(0, count, WIDTH):
            size = min(WIDTH, count - first)
            await asyncio.gather(*(publish() for _ in range(size)))

    async def consume(seconds: float, events: int = jetstream.EVENTS) -> Outcome:
        reader = _ReaderService(events)
        async with protonats.Application(settings) as application:
            await application.serve(reader)
            await reader.last.wait()
            await jetstream.until_acknowledged(connection.jetstream, _DURABLE)
            return {"count": events, "seconds": perf_counter() - reader.began}

    return {
        "publish": partial(keep_in_flight, publish),
        "fill": partial(jetstream.fill, connection.jetstream, write),
        "consume": consume,
    }
