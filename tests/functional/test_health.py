"""The health endpoint as HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from protonats.errors import ConfigurationError
from protonats.health import HealthServer
from tests.functional.game import until
from tests.functional.http import ask, send

pytestmark = pytest.mark.anyio


class State:
    """What the checks answer."""

    live: str | None = None
    ready: str | None = None


@pytest.fixture
async def state() -> State:
    return State()


@pytest.fixture
async def health(state: State) -> AsyncIterator[HealthServer]:
    server = HealthServer(
        ("127.0.0.1", 0),
        live=lambda: state.live,
        ready=lambda: state.ready,
        metrics=lambda: b"up 1\n",
    )
    await server.start()
    yield server
    await server.close()


async def test_checks_say_ok_and_why_not(health: HealthServer, state: State) -> None:
    for path in ("/livez", "/readyz"):
        answer = await ask(health.address, path)
        assert (answer.status, answer.body) == (200, b'{"status": "ok"}\n')
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"

    state.ready = "not connected to NATS"
    answer = await ask(health.address, "/readyz?verbose=1")
    assert answer.status == 503
    assert answer.body == b'{"status": "unavailable", "reason": "not connected to NATS"}\n'
    assert (await ask(health.address, "/livez")).status == 200

    state.live = "closed"
    assert (await ask(health.address, "/livez")).reason == "closed"


async def test_metrics_come_in_the_text_format(health: HealthServer) -> None:
    answer = await ask(health.address, "/metrics")

    assert (answer.status, answer.body) == (200, b"up 1\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_head_has_the_headers_of_get_and_no_body(health: HealthServer, path: str) -> None:
    get, head = await ask(health.address, path), await ask(health.address, path, "HEAD")

    assert head.body == b""
    assert (head.status, head.headers) == (get.status, get.headers)


async def test_other_paths_and_methods_are_refused(health: HealthServer) -> None:
    assert (await ask(health.address, "/")).status == 404
    assert (await ask(health.address, "/livez/")).status == 404
    refused = await ask(health.address, "/livez", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"GET /livez HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"431"),
    ],
    ids=["no HTTP", "no host", "no header", "TLS", "too long"],
)
async def test_what_is_no_request_is_answered_and_harms_nobody(
    health: HealthServer, request_bytes: bytes, status: bytes
) -> None:
    try:
        answer = await send(health.address, request_bytes)
    except ConnectionResetError:
        # The server ended the connection while the rest of the request was on its way.
        answer = b"HTTP/1.1 431"
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert (await ask(health.address, "/livez")).status == 200


async def test_a_request_may_come_in_pieces_or_not_at_all(health: HealthServer) -> None:
    host, _, port = health.address.rpartition(":")
    _, silent = await asyncio.open_connection(host, int(port))
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in (b"GET /li", b"vez HTTP/1.1\r\nHo", b"st: a\r\n\r", b"\n"):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    silent.close()
    writer.close()


async def test_an_http_1_0_client_is_answered(health: HealthServer) -> None:
    answer = await send(health.address, b"GET /livez HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_closing_ends_open_connections(health: HealthServer) -> None:
    host, _, port = health.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await ask(health.address, "/livez")
    await health.close()

    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_an_address_that_is_taken_is_a_configuration_error(health: HealthServer) -> None:
    host, _, port = health.address.rpartition(":")
    other = HealthServer((host, int(port)), live=str, ready=str, metrics=bytes)

    with pytest.raises(ConfigurationError) as caught:
        await other.start()
    assert str(caught.value).startswith(
        f"PROTONATS_HEALTH_ADDRESS: cannot listen on {health.address}: "
    )
    assert str(caught.value).endswith("name a free port, or 0 for any")


async def test_a_server_that_is_not_started_has_no_address() -> None:
    server = HealthServer(("127.0.0.1", 0), live=str, ready=str, metrics=bytes)
    with pytest.raises(RuntimeError, match="is not started"):
        _ = server.address
    await server.close()


async def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.12 on, closing the server would wait for it, and the process never end."""
    monkeypatch.setattr("protonats.health._TIMEOUT", 0.2)
    server = HealthServer(
        ("127.0.0.1", 0),
        live=lambda: None,
        ready=lambda: None,
        metrics=lambda: b"x" * 30_000_000,
    )
    await server.start()
    host, port = server.address.rsplit(":", 1)
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    await until(lambda: server._connections)
    await until(lambda: not server._connections, 5.0)
    writer.close()
    await server.close()
