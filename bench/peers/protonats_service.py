"""The server that is measured of protonats."""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from acme.bench.v1 import bench_pb2
from acme.bench.v1.bench_nats import BenchServiceServer

import protonats
from bench import messages

__all__ = ["BenchService"]


class BenchService(BenchServiceServer):
    """Answers at once."""

    def __init__(self) -> None:
        self._waiting = 0
        self._gathered = asyncio.Event()

    async def echo(self, request: bench_pb2.Item, context: protonats.CallContext) -> bench_pb2.Item:
        return request

    async def gather(
        self, request: bench_pb2.GatherRequest, context: protonats.CallContext
    ) -> bench_pb2.GatherResponse:
        self._waiting += 1
        if self._waiting == request.calls:
            self._waiting = 0
            self._gathered.set()
            self._gathered = asyncio.Event()
        else:
            await self._gathered.wait()
        return bench_pb2.GatherResponse()

    async def store(
        self, request: bench_pb2.Blob, context: protonats.CallContext
    ) -> bench_pb2.StoreResponse:
        return bench_pb2.StoreResponse(size=request.size)

    async def fetch(
        self, request: bench_pb2.FetchRequest, context: protonats.CallContext
    ) -> bench_pb2.Blob:
        return messages.large(request.size)

    async def watch(
        self, request: bench_pb2.WatchRequest, context: protonats.CallContext
    ) -> AsyncIterator[bench_pb2.Item]:
        item = messages.item()
        for _ in range(request.count):
            if request.awaits:
                await asyncio.sleep(0)
            yield item

    async def download(
        self, request: bench_pb2.DownloadRequest, context: protonats.CallContext
    ) -> AsyncIterator[bench_pb2.Chunk]:
        content = messages.blob(request.size)
        for index in range(request.count):
            yield bench_pb2.Chunk(index=index, content=content)

    async def collect(
        self, requests: AsyncIterator[bench_pb2.Item], context: protonats.CallContext
    ) -> bench_pb2.CollectResponse:
        count = 0
        async for _ in requests:
            count += 1
        return bench_pb2.CollectResponse(count=count)

    async def chat(
        self, requests: AsyncIterator[bench_pb2.Item], context: protonats.CallContext
    ) -> AsyncIterator[bench_pb2.Item]:
        async for item in requests:
            yield item
