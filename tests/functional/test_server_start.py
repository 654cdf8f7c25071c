"""`python -m protonats.serve`: interceptors of the command line, and what a process lacks."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats.testing import EmbeddedNats
from tests.functional.game import GameServiceClient
from tests.functional.processes import SERVED, Process, serve

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as nats:
        yield nats


async def stop(process: Process) -> None:
    os.kill(process.pid, signal.SIGTERM)
    assert await process.exit_code() == 0


async def test_interceptors_of_the_command_line_are_around_every_call(nats: EmbeddedNats) -> None:
    outer, inner = f"--interceptor={SERVED}:Outer", f"{SERVED}:Inner"
    async with (
        serve(outer, "--interceptor", inner, "Echo", NATS_URL=nats.url) as process,
        await protonats.connect(nats.url) as connection,
    ):
        await process.line("serving")
        answer = await GameServiceClient(connection).echo(StringValue(value="hi"))
        assert answer.value == "outer inner of echo hi"
        await stop(process)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["Echo", "--interceptor"], "--interceptor names no class: write MODULE:CLASS behind it"),
        (["--interceptor=x", "Echo"], "'x' names no class: write MODULE:CLASS, for example"),
        (["--interceptor", f"{SERVED}:Echo"], f"{SERVED}:Echo is no class that derives from proto"),
        (
            ["--interceptor", f"{SERVED}:Outer"],
            "write python -m protonats.serve MODULE:CLASS, with",
        ),
        (["--interceptors=x", "Echo"], "there is no option --interceptors: -h lists them"),
    ],
    ids=["nothing", "name", "class", "no service", "option"],
)
async def test_wrong_arguments_are_64(arguments: list[str], text: str) -> None:
    async with serve(*arguments) as process:
        assert await process.exit_code() == 64
        (line,) = process.lines
        assert line["event"].startswith(text)


async def test_variables_that_mean_nothing_are_named_once(nats: EmbeddedNats) -> None:
    async with serve(
        "Echo",
        NATS_URL=nats.url,
        PROTONATS_MAX_INFLIGHT="7",
        PROTONATS_XYZZY="1",
        PROTONATS_TRANSPORT="auto",
        PROTONATS_OTEL="",
    ) as process:
        await process.line("serving")
        assert process.events("warning") == [
            "PROTONATS_MAX_INFLIGHT is not a setting and has no effect: did you mean"
            " PROTONATS_MAX_IN_FLIGHT?",
            "PROTONATS_XYZZY is not a setting and has no effect: remove it",
        ]
        await stop(process)


async def test_a_schema_that_asks_for_redis_is_said_to_lack_it(nats: EmbeddedNats) -> None:
    async with serve("Keyed", NATS_URL=nats.url) as process:
        await process.line("serving")
        schema = "REDIS_URL is not set, and the schema of echo.v1.EchoService"
        keyed = f"{schema} keeps answers by idempotency key: calls of "
        assert process.events("warning") == [
            f"{keyed}Pay with a key are answered FAILED_PRECONDITION",
            f"{keyed}Try with a key may run twice",
            f"{schema} caches Look: each instance has a cache of its own, in memory",
        ]
        await stop(process)


async def test_a_trace_that_nobody_records_is_said_to_be_lost(nats: EmbeddedNats) -> None:
    async with serve("Echo", NATS_URL=nats.url, PROTONATS_OTEL="0.1") as process:
        await process.line("serving")
        (warning,) = process.events("warning")
        assert warning.startswith(
            "PROTONATS_OTEL is set, and no SDK of OpenTelemetry is set up: nothing is recorded;"
        )
        await stop(process)
