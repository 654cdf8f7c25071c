"""A bad line between a client and a real server."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

__all__ = ["FaultyLink"]

_CHUNK: Final = 64 * 1024
_IN_TRANSIT: Final = 256
"""Chunks that may be under way in one direction, before no more are read."""


class FaultyLink:
    """A TCP proxy in front of a server, whose line can be made slow, stopped and cut.

        async with FaultyLink(nats.url) as link, await protonats.connect(link.url) as connection:
            link.latency = 0.05
            link.cut()

    Attributes:
        latency: Seconds that bytes are under way, in each direction.
    """

    def __init__(self, url: str, *, latency: float = 0.0) -> None:
        """
        Args:
            url: The server, `nats://host:port` or `redis://host:port`; without login.
            latency: The attribute.
        """
        address = urlsplit(url)
        if address.hostname is None or address.port is None:
            raise ValueError(f"{url!r} names no host and port")
        self.latency = latency
        self._scheme = address.scheme
        self._target = address.hostname, address.port
        self._port = 0
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._lines: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        """Where clients connect to."""
        if not self._port:
            raise RuntimeError("the link is not open: use `async with FaultyLink(url) as link:`")
        return f"{self._scheme}://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """How many connections go through the link."""
        return len(self._lines)

    def stall(self) -> None:
        """Lets nothing through until `resume`; connections stay as they are."""
        self._flowing.clear()

    def resume(self) -> None:
        """Lets through what was held up, and all that follows."""
        self._flowing.set()

    def cut(self) -> None:
        """Breaks all connections; what was under way is lost. New ones are let through."""
        for task, writer in self._lines.items():
            writer.transport.abort()
            task.cancel()

    def refuse(self) -> None:
        """Breaks all connections, and refuses new ones until `accept`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    async def accept(self) -> None:
        """Takes new connections, at the same port as ever."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Breaks all connections and returns when they are gone."""
        self.refuse()
        if self._lines:
            await asyncio.wait(list(self._lines))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines[task] = writer
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            # Broken by one of its ends or by `cut`: that is what the link is for.
            return
        finally:
            writer.transport.abort()
            del self._lines[task]

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        try:
            pumps = [
                asyncio.create_task(self._pump(reader, back)),
                asyncio.create_task(self._pump(there, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.wait(pumps)
        finally:
            back.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        transit: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_TRANSIT)
        reading = asyncio.create_task(self._read(source, transit))
        try:
            while True:
                due, data = await transit.get()
                delay = due - asyncio.get_running_loop().time()
                if delay > 0:
                    await asyncio.sleep(delay)
                await self._flowing.wait()
                if not data:
                    return
                target.write(data)
                await target.drain()
        except OSError:
            return
        finally:
            reading.cancel()
            await asyncio.wait((reading,))

    async def _read(
        self, source: asyncio.StreamReader, transit: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        data = b"."
        while data:
            try:
                data = await source.read(_CHUNK)
            except OSError:
                data = b""
            await transit.put((asyncio.get_running_loop().time() + self.latency, data))

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
