"""Asking the health server, byte by byte."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def reason(self) -> str | None:
        """What the JSON body gives as the reason."""
        reason = json.loads(self.body).get("reason")
        return None if reason is None else str(reason)


async def send(address: str, request: bytes) -> bytes:
    """Sends bytes, and returns everything that comes until the server ends the connection."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
        await writer.wait_closed()


async def ask(address: str, path: str, method: str = "GET") -> Answer:
    """One request and its response."""
    raw = await send(address, f"{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)
