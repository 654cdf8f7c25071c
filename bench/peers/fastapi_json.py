"""FastAPI on uvicorn, called with aiohttp: JSON in place of protobuf."""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from bench import messages
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
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", log_level="warning"))
    # It listens from here on: a client that is early waits.
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving


@asynccontextmanager
async def client(place: Place) -> Context:
    connector = aiohttp.TCPConnector(limit=WIDTH)
    async with aiohttp.ClientSession(place.address, connector=connector) as session:

        async def echo() -> Any:
            async with session.post("/echo", json=messages.FIELDS) as answer:
                return await answer.json()

        yield {"unary": partial(keep_in_flight, echo), "unary-p50": partial(one_by_one, echo)}
