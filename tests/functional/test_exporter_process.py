"""The exporter as a process: how it starts, answers and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from tests.functional.exporting import Platform, free_port, platform, started
from tests.functional.game import until
from tests.functional.http import ask
from tests.functional.processes import Process

pytestmark = pytest.mark.anyio

NOWHERE = {
    "NATS_URL": "nats://127.0.0.1:1",
    "EXPORTER_NATS_MONITORS": "http://127.0.0.1:1",
    "EXPORTER_INTERVAL": "0.2",
}


async def address_of(process: Process) -> str:
    return str((await process.line("serving"))["address"])


async def test_it_starts_before_those_it_asks() -> None:
    server = Platform(port=free_port())
    up = f'protonats_platform_node_up{{node="{server.node}"}}'
    async with started(server.variables()) as process:
        address = await address_of(process)
        await until_told(address, f"{up} 0.0")
        await until_told(address, "protonats_exporter_connected 0.0")
        with server.server:
            await until_told(address, f"{up} 1.0")
            await until_told(address, "protonats_exporter_connected 1.0")
            os.kill(process.pid, signal.SIGTERM)
            assert await process.exit_code() == 0


async def test_it_is_healthy_once_it_has_asked_whatever_was_answered() -> None:
    async with started(NOWHERE) as process:
        address = await address_of(process)

        async def ready() -> bool:
            return (await ask(address, "/readyz")).status == 200

        await until(ready)
        for path in ("/livez", "/healthz"):
            assert (await ask(address, path)).status == 200
        assert process.events("warning")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_at_once(number: signal.Signals) -> None:
    with platform() as running:
        async with started(running.variables()) as process:
            await until_told(await address_of(process), "protonats_exporter_connected 1.0")
            begin = time.monotonic()
            os.kill(process.pid, number)
            assert await process.exit_code() == 0
            assert time.monotonic() - begin < 2.0
            assert process.events("error") == []


@pytest.mark.parametrize(
    ("variables", "arguments", "code", "text"),
    [
        ({"EXPORTER_INTERVAL": "0"}, (), 78, "more than 0"),
        ({"NATS_CA": "/nowhere.pem"}, (), 78, "NATS_CA names /nowhere.pem"),
        ({"EXPORTER_PLAN": "/nowhere.json"}, (), 78, "EXPORTER_PLAN names /nowhere.json"),
        ({}, ("--port",), 64, "there is no argument --port"),
    ],
)
async def test_what_it_cannot_start_with(
    variables: dict[str, str], arguments: tuple[str, ...], code: int, text: str
) -> None:
    async with started({**NOWHERE, **variables}, *arguments) as process:
        assert await process.exit_code() == code
        (error,) = process.events("error")
        assert text in error


async def test_an_address_that_is_taken() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with started({**NOWHERE, "EXPORTER_ADDRESS": f"127.0.0.1:{port}"}) as process:
            assert await process.exit_code() == 78
            (error,) = process.events("error")
            assert error.startswith(f"EXPORTER_ADDRESS: cannot listen on 127.0.0.1:{port}")


async def until_told(address: str, line: str) -> None:
    async def told() -> bool:
        return line in (await ask(address, "/metrics")).body.decode().splitlines()

    await until(told)
