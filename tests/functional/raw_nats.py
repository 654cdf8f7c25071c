"""A NATS client that is nothing but a socket: what it sends are the bytes of the test."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as the server delivered it."""

    subject: str
    reply: str
    headers: bytes
    body: bytes


class RawNats:
    """One connection; make it with `raw_nats`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sid = 0
        self._received: deque[RawMessage] = deque()
        """What came while something else was waited for."""

    def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._writer.write(data)

    async def subscribe(self, subject: str) -> None:
        """Subscribes, and returns when the server knows."""
        self._sid += 1
        self.write(f"SUB {subject} {self._sid}\r\nPING\r\n".encode())
        await self._await_pong()

    def publish(
        self, subject: str | bytes, body: bytes, *, reply: str = "", headers: bytes = b""
    ) -> None:
        """Publishes a message."""
        subject = subject.encode() if isinstance(subject, str) else subject
        target = subject + b" " + reply.encode() + b" "
        if headers:
            sizes = f"{len(headers)} {len(headers) + len(body)}".encode()
            self.write(b"HPUB " + target + sizes + b"\r\n" + headers + body + b"\r\n")
        else:
            self.write(b"PUB " + target + str(len(body)).encode() + b"\r\n" + body + b"\r\n")

    async def receive(self, *, timeout: float = 5.0) -> RawMessage:
        """The next message of any subscription."""
        async with asyncio.timeout(timeout):
            while not self._received:
                await self._read()
        return self._received.popleft()

    async def request(
        self, subject: str, body: bytes, *, reply: str = "_INBOX.raw.1.2", headers: bytes = b""
    ) -> RawMessage:
        """Publishes a request, and returns what comes to its reply subject."""
        await self.subscribe(reply)
        self.publish(subject, body, reply=reply, headers=headers)
        message = await self.receive()
        self.write(f"UNSUB {self._sid}\r\n".encode())
        return message

    async def _await_pong(self) -> None:
        async with asyncio.timeout(5.0):
            while await self._read() != "PONG":
                pass

    async def _read(self) -> str:
        """Reads one operation of the server, keeps a message, and returns the operation's name."""
        operation, *words = (await self._reader.readuntil(b"\r\n")).decode().split()
        if operation in ("MSG", "HMSG"):
            head = int(words[-2]) if operation == "HMSG" else 0
            data = (await self._reader.readexactly(int(words[-1]) + 2))[:-2]
            reply = words[2] if len(words) == (5 if operation == "HMSG" else 4) else ""
            self._received.append(RawMessage(words[0], reply, data[:head], data[head:]))
        elif operation == "PING":
            self.write(b"PONG\r\n")
        return operation


@asynccontextmanager
async def raw_nats(url: str) -> AsyncIterator[RawNats]:
    """Connects a socket to a server."""
    address = urlsplit(url)
    assert address.hostname is not None
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        options = b'{"verbose":false,"headers":true,"no_responders":true,"protocol":1}'
        writer.write(b"CONNECT " + options + b"\r\nPING\r\n")
        client = RawNats(reader, writer)
        await client._await_pong()
        yield client
    finally:
        writer.close()
        await writer.wait_closed()
