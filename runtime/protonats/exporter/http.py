"""Asking a server for JSON over HTTP/1.1, one request per connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import h11

__all__ = ["Address", "get"]

_READ: Final = 65536


@dataclass(frozen=True, order=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def get(address: Address, path: str) -> Mapping[str, Any]:
    """What a server answers to `GET`: an object in JSON, whatever its status.

    Raises:
        OSError: It cannot be reached, or hangs up.
        ValueError: It answers with something else.
    """
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        body = await _exchange(address, path, reader, writer)
    except h11.RemoteProtocolError as error:
        raise ValueError(f"{address}{path}: no answer in HTTP: {error}") from None
    finally:
        writer.transport.abort()
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError(f"{address}{path}: no object in JSON")
    return value


async def _exchange(
    address: Address, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bytes:
    connection = h11.Connection(h11.CLIENT)
    headers = [("Host", str(address)), ("Connection", "close")]
    request = h11.Request(method="GET", target=path, headers=headers)
    writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError(f"{address}{path}: closed before it answered")
