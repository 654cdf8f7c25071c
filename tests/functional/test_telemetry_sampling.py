"""Which calls and events are traced, and what is not loaded where none is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import BoolValue, StringValue
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider

import protonats
from protonats import ConfigurationError, Connection, ConnectionSettings, deadline, telemetry
from protonats._serving.instance import Instance
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, calling, serving
from tests.functional.game import Game, GameServiceClient, GameServicePublisher
from tests.functional.raw_nats import raw_nats
from tests.functional.streams import Streams, pair, text, values
from tests.functional.traced import Spans

pytestmark = pytest.mark.anyio

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        yield connection


@pytest.mark.parametrize("ratio", [0.25, 0.75])
async def test_the_ratio_is_kept_and_whatever_follows_agrees(
    nats: EmbeddedNats, connection: Connection, spans: Spans, ratio: float
) -> None:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        # An application's own spans belong to the call, too.
        with spans.tracer.start_as_current_span("work"):
            await GameServiceClient(connection).echo(request)
        await GameServicePublisher(connection).publish_ticked(BoolValue(value=True))
        return request

    game = Instance(connection, Game())
    await game.start()
    async with (
        serving(nats.url, Echo(say)) as (_, server),
        calling(nats.url) as client,
    ):
        spans.watch(connection, server, client._connection, sample_ratio=ratio)
        for _ in range(400):
            await client.say(StringValue(value="a"))
    await game.drain(1.0)

    traces = Counter(span.context.trace_id for span in spans.all if span.context is not None)
    # Two calls with two sides each, the event and the work.
    assert set(traces.values()) == {6}
    # Eight standard deviations.
    assert abs(len(traces) - 400 * ratio) < 70


async def test_an_event_of_no_trace_says_that_it_is_not_traced(
    nats: EmbeddedNats, connection: Connection, spans: Spans
) -> None:
    spans.watch(connection, sample_ratio=0.0)
    async with raw_nats(nats.url) as raw:
        await raw.subscribe("evt.game.ticked.v1")
        await GameServicePublisher(connection).publish_ticked(BoolValue(value=True))
        event = await raw.receive()

    assert re.search(rb"\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n", event.headers)
    assert spans.all == ()


async def test_a_call_of_no_trace_has_no_context_and_an_id_that_says_why(
    connection: Connection, spans: Spans
) -> None:
    spans.watch(connection, sample_ratio=0.4)
    assert connection.telemetry is not None
    for _ in range(200):
        call_id, trace = connection.telemetry.request(connection._call_ids)
        assert trace is None
        assert int(call_id[:8], 16) >= 0.4 * 0xFFFFFFFF


@pytest.mark.parametrize(("flags", "count"), [("00", 0), ("01", 4)])
async def test_a_trace_from_elsewhere_decides_whatever_the_ratio(
    nats: EmbeddedNats, spans: Spans, flags: str, count: int
) -> None:
    async with pair(nats.url, Streams()) as both:
        spans.watch(*both.connections, sample_ratio=0.0 if count else 1.0)
        with deadline.scope(None, f"{TRACE}-{flags}"):
            await both.client.say(text("a"))
            await values(both.client.watch(text(1)))
        await both.instance.drain(1.0)

    assert len(spans.all) == count
    assert all(f"{span.context.trace_id:032x}" in TRACE for span in spans.all if span.context)


@pytest.mark.parametrize(
    "provider", [TracerProvider(ALWAYS_OFF, shutdown_on_exit=False), NoOpTracerProvider()]
)
async def test_a_provider_that_records_nothing_breaks_nothing(
    nats: EmbeddedNats, provider: TracerProvider
) -> None:
    seen: list[str | None] = []

    async def say(request: StringValue, context: CallContext) -> StringValue:
        seen.append(context.trace)
        return request

    async with serving(nats.url, Echo(say)) as (_, server), calling(nats.url) as client:
        for connection in (server, client._connection):
            telemetry.instrument(connection, tracer_provider=provider)
        await client.say(StringValue(value="a"))
        with deadline.scope(None, f"{TRACE}-01"):
            await client.say(StringValue(value="a"))

    first, second = seen
    assert first is None or not int(first[-2:], 16) & 1
    assert second is not None
    assert second.startswith(TRACE[:36])


async def test_a_connection_is_instrumented_once_and_with_a_ratio(connection: Connection) -> None:
    with pytest.raises(ValueError, match=r"sample_ratio is 1\.5: write a number from 0 to 1"):
        telemetry.instrument(connection, sample_ratio=1.5)
    assert connection.telemetry is None

    telemetry.instrument(connection)
    with pytest.raises(ConfigurationError, match="instrumented already"):
        telemetry.instrument(connection)


async def test_the_environment_switches_it_on(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_URL", nats.url)
    monkeypatch.setenv("PROTONATS_OTEL", "0.5")
    async with await protonats.connect() as connection:
        assert connection.telemetry is not None
    monkeypatch.setenv("PROTONATS_OTEL", "")
    async with await protonats.connect() as connection:
        assert connection.telemetry is None


@pytest.mark.parametrize("value", ["yes", "2", "-0.1", "nan"])
def test_the_environment_is_checked(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PROTONATS_OTEL.*: write a number from 0 to 1"):
        ConnectionSettings.from_environment({"PROTONATS_OTEL": value})


def test_nothing_is_loaded_where_it_is_off(nats: EmbeddedNats) -> None:
    program = """
import asyncio, sys
from google.protobuf.wrappers_pb2 import StringValue
from protonats import telemetry
from tests.functional.streams import Streams, pair, text, values

async def main():
    async with pair(sys.argv[1], Streams()) as both:
        await both.client.say(text("a"))
        await values(both.client.watch(text(2)))

asyncio.run(main())
print([name for name in sys.modules if name.partition(".")[0] == "opentelemetry"])
"""
    assert _run(program, nats.url) == "[]"


def test_without_the_extra_it_says_what_to_install(nats: EmbeddedNats) -> None:
    program = """
import asyncio, sys
import protonats

async def main():
    async with await protonats.connect(sys.argv[1]) as connection:
        sys.path = [path for path in sys.path if "site-packages" not in path]
        from protonats import telemetry
        try:
            telemetry.instrument(connection)
        except protonats.ConfigurationError as error:
            print(error)

asyncio.run(main())
"""
    assert "install protonats[otel]" in _run(program, nats.url)


def _run(program: str, url: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", program, url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()
