"""Calls of protonats, unary and streaming."""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from time import perf_counter

from acme.bench.v1 import bench_pb2
from acme.bench.v1.bench_nats import BenchServiceClient

from bench import messages
from bench.load import keep_in_flight, megabytes, once, one_by_one, side_by_side, sized
from bench.peer import Outcome, Workload

__all__ = ["workloads"]

_TIMEOUT = 60.0


def workloads(client: BenchServiceClient) -> Mapping[str, Workload]:
    """What can be measured of calls, by name."""
    item = messages.item()

    async def echo() -> bench_pb2.Item:
        return await client.echo(item)

    async def watch(count: int, *, awaits: bool) -> int:
        arrived = 0
        request = bench_pb2.WatchRequest(count=count, awaits=awaits)
        async for _ in client.watch(request, timeout=_TIMEOUT):
            arrived += 1
        return arrived

    async def collect(count: int) -> int:
        response = await client.collect(messages.items(count), timeout=_TIMEOUT)
        return int(response.count)

    async def chat(count: int) -> int:
        arrived = 0
        async for _ in client.chat(messages.items(count), timeout=_TIMEOUT):
            arrived += 1
        return arrived

    async def ping_pong(count: int) -> int:
        loop = asyncio.get_running_loop()
        arrived, back = 0, loop.create_future()

        async def balls() -> AsyncIterator[bench_pb2.Item]:
            nonlocal back
            yield item
            for _ in range(count - 1):
                ball = await back
                back = loop.create_future()
                yield ball

        async for ball in client.chat(balls(), timeout=_TIMEOUT):
            arrived += 1
            back.set_result(ball)
        return arrived

    async def large(size: int) -> None:
        stored = await client.store(messages.large(size), timeout=_TIMEOUT)
        fetched = await client.fetch(bench_pb2.FetchRequest(size=size), timeout=_TIMEOUT)
        if stored.size != size or fetched.size != size:
            raise RuntimeError("the message is not whole")

    async def download(count: int, size: int, pace: float) -> Outcome:
        """Reads as many bytes a second as `pace` says, 0: as fast as it can."""
        content = messages.blob(size)
        expected = arrived = checksum = 0
        began = perf_counter()
        request = bench_pb2.DownloadRequest(count=count, size=size)
        async for chunk in client.download(request, timeout=2 * _TIMEOUT):
            if chunk.index != arrived:
                raise RuntimeError(f"chunk {chunk.index} came in place of {arrived}")
            arrived += 1
            checksum = zlib.crc32(chunk.content, checksum)
            expected = zlib.crc32(content, expected)
            if pace:
                await asyncio.sleep(max(0.0, began + arrived * size / pace - perf_counter()))
        if arrived != count or checksum != expected:
            raise RuntimeError(f"{arrived} of {count} chunks arrived, checksum {checksum}")
        return {"count": arrived, "seconds": perf_counter() - began}

    async def in_flight(calls: int) -> Outcome:
        request = bench_pb2.GatherRequest(calls=calls)
        began = perf_counter()
        await asyncio.gather(*(client.gather(request, timeout=_TIMEOUT) for _ in range(calls)))
        return {"count": calls, "seconds": perf_counter() - began}

    return {
        "unary": partial(keep_in_flight, echo),
        "unary-p50": partial(one_by_one, echo),
        "server-stream": sized(partial(watch, awaits=False), 1_000),
        "server-stream-awaiting": sized(partial(watch, awaits=True), 1_000),
        "client-stream": sized(collect, 1_000),
        "bidi-stream": sized(chat, 1_000),
        "ping-pong": sized(partial(side_by_side, ping_pong), 1_000),
        "ping-pong-alone": sized(ping_pong, 200),
        "large-message": partial(megabytes, large),
        "large-once": partial(once, large),
        "download": download,
        "in-flight": in_flight,
    }
