"""Handlers that keep the event loop from running anything else."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.blocking import Watchdog
from protonats.application import Application
from protonats.metrics import Metrics
from protonats.server import CallContext
from protonats.settings import ConnectionSettings, Settings
from protonats.testing import EmbeddedNats
from tests.functional.echo import calling
from tests.functional.policies import echo_with

pytestmark = pytest.mark.anyio

SAY = "acme.echo.v1.EchoService/Say"


class Sleepy:
    """A handler that blocks until a warning names it, and for a moment more."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.line = 0

    async def __call__(self, request: StringValue, context: CallContext) -> StringValue:
        self.wait()
        return request

    def wait(self) -> None:
        end = time.monotonic() + 5.0
        frame = inspect.currentframe()
        assert frame is not None
        while "has blocked the event loop" not in self._caplog.text:
            self.line = frame.f_lineno + 1
            time.sleep(0.01)
            assert time.monotonic() < end


def settings(nats: EmbeddedNats, block_warning: float) -> Settings:
    return Settings(
        connection=ConnectionSettings(servers=(nats.url,)),
        health_address=None,
        block_warning=block_warning,
    )


async def test_a_handler_that_blocks_is_named_with_the_line_where_it_stands(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    sleepy = Sleepy(caplog)
    with caplog.at_level(logging.WARNING, "protonats"):
        async with Application(settings(nats, 0.05)) as application, calling(nats.url) as client:
            await application.serve(echo_with(sleepy))
            await client.say(StringValue())
            metrics = application.connection.metrics.render().decode()
    warning = next(text for text in caplog.messages if "blocked the event loop" in text)
    assert warning.startswith(f"{SAY} has blocked the event loop for 0.")
    assert f"at {__file__}:{sleepy.line} in Sleepy.wait" in warning
    assert f'protonats_loop_blocked_total{{handler="{SAY}"}} 1.0' in metrics
    assert "protonats watchdog" not in [thread.name for thread in threading.enumerate()]


async def test_what_blocks_outside_of_calls_is_named_after_its_function(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = Metrics()
    watchdog = Watchdog(asyncio.get_running_loop(), metrics, limit=0.05)
    sleepy = Sleepy(caplog)

    async def on_won() -> None:
        sleepy.wait()

    with caplog.at_level(logging.WARNING, "protonats"):
        watchdog.start()
        try:
            await asyncio.create_task(on_won())
        finally:
            watchdog.stop()
    assert "on_won has blocked the event loop" in caplog.text
    assert b'on_won"} 1.0' in metrics.render()


async def test_a_warning_comes_once_a_second_at_most(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(asyncio.get_running_loop(), Metrics(), limit=0.01)
    with caplog.at_level(logging.WARNING, "protonats"):
        watchdog.start()
        begin = time.monotonic()
        for _ in range(10):
            time.sleep(0.05)  # noqa: ASYNC251
            await asyncio.sleep(0)
        watchdog.stop()
        seconds = time.monotonic() - begin
    count = sum("has blocked the event loop" in text for text in caplog.messages)
    assert 1 <= count <= 1 + seconds


async def test_a_loop_that_is_free_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(asyncio.get_running_loop(), Metrics(), limit=0.5)
    with caplog.at_level(logging.WARNING, "protonats"):
        watchdog.start()
        for _ in range(100):
            await asyncio.sleep(0.001)
        watchdog.stop()
    assert caplog.messages == []


async def test_the_watchdog_can_be_switched_off(nats: EmbeddedNats) -> None:
    async with Application(settings(nats, 0)):
        assert "protonats watchdog" not in [thread.name for thread in threading.enumerate()]
