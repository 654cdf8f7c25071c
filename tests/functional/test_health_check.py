"""`python -m protonats.health_check`, the health check of a container."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import pytest

from protonats.health import HealthServer
from protonats.health_check import main
from protonats.testing import EmbeddedNats
from tests.functional.game import until
from tests.functional.http import ask
from tests.functional.processes import serve

pytestmark = pytest.mark.anyio


class State:
    """What the checks answer."""

    live: str | None = None
    ready: str | None = "not connected to NATS"


async def check(address: str, *arguments: str) -> int:
    environ = {"PROTONATS_HEALTH_ADDRESS": address}
    return await asyncio.to_thread(main, arguments, environ)


async def test_a_process_is_healthy_from_when_it_is_ready_until_it_is_not_live() -> None:
    state = State()
    health = HealthServer(
        ("127.0.0.1", 0),
        live=lambda: state.live,
        ready=lambda: state.ready,
        metrics=lambda: b"",
    )
    await health.start()
    try:
        assert await check(health.address) == 1
        assert (await ask(health.address, "/healthz")).reason == "not connected to NATS"
        state.ready = None
        assert await check(health.address) == 0
        state.ready = "not connected to NATS"
        assert await check(health.address) == 0, "an outage of NATS replaces nothing"
        assert await check(health.address, "/readyz") == 1
        state.live = "the connection to NATS is closed"
        assert await check(health.address) == 1
    finally:
        await health.close()


async def test_one_that_never_served_says_why_it_is_to_be_replaced() -> None:
    health = HealthServer(
        ("127.0.0.1", 0), live=lambda: "closed", ready=lambda: "late", metrics=lambda: b""
    )
    await health.start()
    try:
        assert (await ask(health.address, "/healthz")).reason == "closed"
    finally:
        await health.close()


async def test_the_answer_of_one_that_is_not_well_is_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    health = HealthServer(
        ("0.0.0.0", 0), live=lambda: None, ready=lambda: "draining", metrics=lambda: b""
    )
    await health.start()
    try:
        assert await check(health.address) == 1
    finally:
        await health.close()
    assert capfd.readouterr().err == '{"status": "unavailable", "reason": "draining"}\n'


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        assert main([], {"PROTONATS_HEALTH_ADDRESS": address}) == 1
    assert capsys.readouterr().err.startswith(f"no answer at {address}: ")


def test_health_checks_that_are_off_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {"PROTONATS_HEALTH_ADDRESS": ""}) == 1
    text = "PROTONATS_HEALTH_ADDRESS is '': nobody answers health checks there\n"
    assert capsys.readouterr().err == text


@pytest.mark.parametrize("arguments", [["livez"], ["/livez", "/readyz"]])
def test_wrong_arguments_are_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments, {}) == 2
    assert capsys.readouterr().err.startswith("usage: python -m protonats.health_check [/healthz")


async def test_it_asks_a_service_and_loads_next_to_nothing() -> None:
    with EmbeddedNats() as nats:
        async with serve("Echo", NATS_URL=nats.url) as process:
            line = await process.line("serving")
            command = (sys.executable, "-X", "importtime", "-m", "protonats.health_check")
            child = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, "PROTONATS_HEALTH_ADDRESS": line["health"]},
                stderr=asyncio.subprocess.PIPE,
            )
            _, errors = await child.communicate()
            assert child.returncode == 0
            loaded = {text.rpartition("|")[2].strip() for text in errors.decode().splitlines()}
            assert "socket" in loaded
            assert not {"asyncio", "nats", "h11", "google", "http.client"} & loaded
            os.kill(process.pid, signal.SIGTERM)
            await until(lambda: "stopped" in process.events("info"))
            assert await process.exit_code() == 0
