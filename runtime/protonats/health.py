"""What a load balancer, an orchestrator and Prometheus ask a process over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import h11

from protonats.errors import ConfigurationError

__all__ = ["HealthServer"]

_TIMEOUT: Final = 10.0
_READ: Final = 4096
_JSON: Final = "application/json"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"

Check = Callable[[], str | None]
"""Why the answer is no, or None for yes."""


class HealthServer:
    """Answers `GET` and `HEAD` of four paths over HTTP/1.1, one request per connection.

    - `/livez`: 200 until the process can do no more work and has to be replaced.
    - `/readyz`: 200 while it can take calls.
    - `/healthz`: as `/livez`, and no earlier than it was ready once. For those who know one answer
      alone and replace what is not healthy, as ECS does: a new process counts when it serves, and
      none is replaced because NATS cannot be reached.
    - `/metrics`: the counters in the Prometheus text format.

    A check answers 503 otherwise, and its JSON body says why.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        live: Check,
        ready: Check,
        metrics: Callable[[], bytes],
        variable: str = "PROTONATS_HEALTH_ADDRESS",
    ) -> None:
        self._wanted = address
        self._variable = variable
        self._live = live
        self._ready = ready
        self._was_ready = False
        self._checks = {"/livez": live, "/readyz": ready, "/healthz": self._why_not_healthy}
        self._metrics = metrics
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def address(self) -> str:
        """`host:port` as it is bound, also where port 0 was asked for."""
        if self._server is None:
            raise RuntimeError("the health server is not started")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def start(self) -> None:
        """Binds the address.

        Raises:
            ConfigurationError: The address cannot be bound.
        """
        host, port = self._wanted
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            raise ConfigurationError(
                f"{self._variable}: cannot listen on {host}:{port}:"
                f" {error.strerror or error}; name a free port, or 0 for any"
            ) from None

    async def close(self) -> None:
        """Stops listening and ends open connections."""
        if self._server is None:
            return
        self._server.close()
        # Not cancelled: asyncio's streams would log that as an error.
        for writer in self._connections.values():
            writer.transport.abort()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def _why_not_healthy(self) -> str | None:
        if not self._was_ready:
            reason = self._ready()
            if reason is not None:
                return self._live() or reason
            self._was_ready = True
        return self._live()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        task.add_done_callback(self._connections.__delitem__)
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_TIMEOUT):
                    await self._serve(reader, writer)
                    writer.close()
                    await writer.wait_closed()
        finally:
            # A client that does not read would otherwise keep its connection for ever.
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        head = False
        try:
            request = await _request(connection, reader)
            if request is None:
                return
            head = request.method == b"HEAD"
            status, kind, body = self._answer(request)
        except h11.RemoteProtocolError as error:
            status, kind, body = error.error_status_hint, _JSON, _body("bad request", str(error))
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        if status == 405:
            headers.append(("Allow", "GET, HEAD"))
        writer.write(connection.send(h11.Response(status_code=status, headers=headers)) or b"")
        if not head:
            writer.write(connection.send(h11.Data(data=body)) or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()

    def _answer(self, request: h11.Request) -> tuple[int, str, bytes]:
        path = request.target.partition(b"?")[0].decode("ascii")
        check = self._checks.get(path)
        if check is None and path != "/metrics":
            return 404, _JSON, _body("not found", "ask for /livez, /readyz, /healthz or /metrics")
        if request.method not in (b"GET", b"HEAD"):
            return 405, _JSON, _body("method not allowed", "ask with GET or HEAD")
        if check is None:
            return 200, _METRICS, self._metrics()
        reason = check()
        if reason is None:
            return 200, _JSON, _body("ok", None)
        return 503, _JSON, _body("unavailable", reason)


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(_READ))


def _body(status: str, reason: str | None) -> bytes:
    content = {"status": status} if reason is None else {"status": status, "reason": reason}
    return json.dumps(content).encode() + b"\n"
