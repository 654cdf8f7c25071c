"""grpc.aio, with the stubs of grpcio-tools."""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from acme.bench.v1 import bench_pb2, bench_pb2_grpc

from bench import certificates, messages
from bench.load import keep_in_flight, megabytes, once, one_by_one, side_by_side, sized
from bench.peer import Context, Place

_UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class _BenchService(bench_pb2_grpc.BenchServiceServicer):
    async def Echo(self, request: bench_pb2.Item, context: Any) -> bench_pb2.Item:
        return request

    async def Store(self, request: bench_pb2.Blob, context: Any) -> bench_pb2.StoreResponse:
        return bench_pb2.StoreResponse(size=request.size)

    async def Fetch(self, request: bench_pb2.FetchRequest, context: Any) -> bench_pb2.Blob:
        return messages.large(request.size)

    async def Watch(
        self, request: bench_pb2.WatchRequest, context: Any
    ) -> AsyncIterator[bench_pb2.Item]:
        item = messages.item()
        for _ in range(request.count):
            if request.awaits:
                await asyncio.sleep(0)
            yield item

    async def Collect(
        self, requests: AsyncIterator[bench_pb2.Item], context: Any
    ) -> bench_pb2.CollectResponse:
        count = 0
        async for _ in requests:
            count += 1
        return bench_pb2.CollectResponse(count=count)

    async def Chat(
        self, requests: AsyncIterator[bench_pb2.Item], context: Any
    ) -> AsyncIterator[bench_pb2.Item]:
        async for item in requests:
            yield item


@asynccontextmanager
async def serve(place: Place) -> AsyncIterator[str]:
    server = grpc.aio.server(options=_UNLIMITED)
    bench_pb2_grpc.add_BenchServiceServicer_to_server(_BenchService(), server)
    if place.tls is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        credentials = grpc.ssl_server_credentials([certificates.of_server(place.tls)])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@asynccontextmanager
async def client(place: Place) -> Context:
    async with _channel(place) as channel:
        stub = bench_pb2_grpc.BenchServiceStub(channel)
        item = messages.item()

        async def echo() -> bench_pb2.Item:
            return await stub.Echo(item, timeout=10)

        async def watch(count: int, *, awaits: bool) -> int:
            arrived = 0
            async for _ in stub.Watch(bench_pb2.WatchRequest(count=count, awaits=awaits)):
                arrived += 1
            return arrived

        async def collect(count: int) -> int:
            return int((await stub.Collect(messages.items(count))).count)

        async def chat(count: int) -> int:
            arrived = 0
            async for _ in stub.Chat(messages.items(count)):
                arrived += 1
            return arrived

        async def ping_pong(count: int) -> int:
            call = stub.Chat()
            arrived = 0
            for _ in range(count):
                await call.write(item)
                await call.read()
                arrived += 1
            await call.done_writing()
            return arrived

        async def large(size: int) -> None:
            stored = await stub.Store(messages.large(size))
            fetched = await stub.Fetch(bench_pb2.FetchRequest(size=size))
            if stored.size != size or fetched.size != size:
                raise RuntimeError("the message is not whole")

        yield {
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
        }


def _channel(place: Place) -> Any:
    if place.tls is None:
        return grpc.aio.insecure_channel(place.address, options=_UNLIMITED)
    authority = Path(place.tls, certificates.AUTHORITY).read_bytes()
    credentials = grpc.ssl_channel_credentials(authority)
    return grpc.aio.secure_channel(place.address, credentials, options=_UNLIMITED)
