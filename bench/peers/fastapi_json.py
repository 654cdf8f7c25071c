"""FastAPI on uvicorn, called with aiohttp: JSON in place of protobuf."""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from bench import certificates, messages
from bench.load import WIDTH, keep_in_flight, one_by_one
from bench.peer import Context, Place


class _Item(BaseModel):
    id: str
    owner_id: str
    kind: str
    created_at_ms: int
    level: int
    x: float
    y: float
    active: bool
    title: str


async def _echo(item: _Item) -> _Item:
    return item


@asynccontextmanager
async def serve(place: Place) -> AsyncIterator[str]:
    app = FastAPI()
    app.add_api_route("/echo", _echo, methods=["POST"], response_model=_Item)
    # Others have their turn between two rounds: what was idle meanwhile is not closed.
    config = uvicorn.Config(app, http="httptools", log_level="warning", timeout_keep_alive=300)
    if place.tls is not None:
        config.ssl_certfile = Path(place.tls, certificates.CERTIFICATE)
        config.ssl_keyfile = Path(place.tls, certificates.KEY)
    server = uvicorn.Server(config)
    # It listens from here on: a client that is early waits.
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    scheme = "http" if place.tls is None else "https"
    yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving


@asynccontextmanager
async def client(place: Place) -> Context:
    trusted = True if place.tls is None else certificates.context(place.tls)
    connector = aiohttp.TCPConnector(limit=WIDTH, ssl=trusted)
    async with aiohttp.ClientSession(place.address, connector=connector) as session:

        async def echo() -> Any:
            async with session.post("/echo", json=messages.FIELDS) as answer:
                return await answer.json()

        yield {"unary": partial(keep_in_flight, echo), "unary-p50": partial(one_by_one, echo)}
