"""The questions that an orchestrator asks a process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

__all__ = ["answers"]

_TIMEOUT = 3.0


async def answers(address: tuple[str, int], path: str) -> bool:
    """Whether `GET` of `/livez` or `/readyz` at `address` is answered with 200 within 3 seconds."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await _status(address, path) == 200
    except (OSError, TimeoutError):
        return False


async def _status(address: tuple[str, int], path: str) -> int:
    host, port = address
    reader, writer = await asyncio.open_connection(host, port)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        words = (await reader.readline()).split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
