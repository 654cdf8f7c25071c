"""Every metric of the runtime, scraped over HTTP and exported by OpenTelemetry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from google.protobuf.wrappers_pb2 import BoolValue, StringValue
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from protonats import (
    Application,
    BreakerSettings,
    Connection,
    ConnectionSettings,
    Settings,
    StatusError,
    provision,
    telemetry,
)
from protonats._info import ConcurrencyInfo, HedgingInfo
from protonats._telemetry.families import families
from protonats.metrics import Metrics
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.cached import cached_method
from tests.functional.echo import EchoMethods
from tests.functional.game import Game, GameServiceClient, GameServicePublisher, plan, until
from tests.functional.scraped import WITH_REDIS_OR_TROUBLE, scrape, value, without_numbers
from tests.functional.streams import StreamClient, Streams, each, text, values

pytestmark = pytest.mark.anyio

_SAY = replace(
    EchoMethods.say,
    concurrency=ConcurrencyInfo(max_in_flight=1, max_queued=1),
    hedging=HedgingInfo(max_attempts=2, delay=0.01),
)


class Busy(Streams):
    """One call of `Say` at a time, and as long as `open` is not set."""

    __protonats__: ClassVar = replace(
        Streams.__protonats__, methods=(_SAY, *Streams.__protonats__.methods[1:])
    )

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.open = asyncio.Event()

    async def say(self, request: StringValue, context: CallContext) -> StringValue:
        self.begun.set()
        await self.open.wait()
        return request


class CachedGame(Game):
    """The game, with a cache for its method."""

    __protonats__: ClassVar = replace(Game.__protonats__, methods=(cached_method(),))


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
async def application(nats: EmbeddedNats) -> AsyncIterator[Application]:
    connection = ConnectionSettings(
        servers=(nats.url,),
        name="all",
        breaker=BreakerSettings(min_calls=2, failure_ratio=0.5),
        stream_messages=32,
    )
    settings = Settings(connection=connection, health_address=("127.0.0.1", 0), grace_period=1.0)
    async with Application(settings) as application:
        await provision.apply(application.connection.jetstream, plan(max_deliver=1))
        yield application


async def _traffic(connection: Connection, busy: Busy, game: Game) -> AsyncIterator[None]:
    """Does something of everything; yields while calls are under way."""
    client, publisher = StreamClient(connection), GameServicePublisher(connection)
    cached = GameServiceClient(connection)
    for _ in range(2):
        await cached.echo(text("a"))
    await publisher.publish_won(text("good"))
    await publisher.publish_won(text("bad"))
    await publisher.publish_ticked(BoolValue(value=True))
    connection._publish("svc.echo.v1.say", b"", b"")
    await client.ingest(each(1, 2, 3))

    async def endless() -> AsyncIterator[StringValue]:
        yield text("a")
        await asyncio.Event().wait()

    chat = client.chat(endless(), timeout=10.0)
    assert await anext(chat) == text("a")
    calls = [
        asyncio.create_task(client._unary(_SAY, text(number), timeout=10.0)) for number in range(3)
    ]
    await busy.begun.wait()
    await until(lambda: any(call.done() for call in calls))
    await until(lambda: game.values.count("bad") == 1)
    yield
    busy.open.set()
    for call in calls:
        with suppress(StatusError):
            await call
    with suppress(StatusError):
        await asyncio.wait_for(chat.aclose(), 5)


async def test_every_metric_appears_in_a_scrape_after_traffic(application: Application) -> None:
    busy, game = Busy(), CachedGame()

    async def refuse(content: object, context: object) -> None:
        if content == "bad":
            raise ValueError("never")

    game.on_event = refuse
    await application.serve(busy, game)
    empty = await scrape(application)
    traffic = _traffic(application.connection, busy, game)
    await anext(traffic)
    during = await scrape(application)
    with suppress(StopAsyncIteration):
        await anext(traffic)
    absent = replace(EchoMethods.say, subject="svc.nobody.v1.say", name="Absent")
    for _ in range(3):
        with suppress(StatusError):
            await StreamClient(application.connection)._unary(absent, text("a"), timeout=1.0)
    await until(lambda: "dead_lettered" in application.connection.metrics.render().decode())
    after = await scrape(application)

    names = {f"protonats_{family.name}" for family in families()}
    names |= {"protonats_client_seconds", "protonats_server_handling_seconds"}
    assert names <= set(empty)
    assert without_numbers(after) == WITH_REDIS_OR_TROUBLE

    chat, say = {"method": "Chat"}, {"method": "Say"}
    assert value(during, "server_in_flight", **chat) == value(during, "client_in_flight", **chat)
    assert value(during, "server_in_flight", **chat) == 1
    assert value(during, "server_stream_credit", **chat) > 0
    assert value(during, "server_queued", **say) == 1
    assert value(after, "server_queued", **say) == 0
    assert value(after, "server_refused", **say, reason="full") >= 1
    assert value(after, "client_hedges", **say) >= 1
    assert value(after, "client_retries", method="Absent", reason="no_instance") >= 1
    assert value(after, "client_breaker_state", method="Absent") == 2
    assert value(after, "server_stream_messages_received", method="Ingest") == 3
    assert value(after, "cache_hits", tier="local") == value(after, "cache_misses") == 1
    assert value(after, "events_published", result="sent") == 1
    assert value(after, "events_handled", result="acknowledged") == 1
    assert value(after, "events_dead_lettered") == 1
    assert value(after, "dropped") == 1
    assert value(after, "connected") == 1


def test_names_types_and_help_follow_the_conventions_of_prometheus() -> None:
    metrics = Metrics()
    for calls in (metrics.server_calls(("a", "B")), metrics.client_calls(("a", "B"))):
        calls.finish(0, 0.1)
    text = metrics.render(connected=True).decode()
    types = dict(line.split(" ")[2:4] for line in text.splitlines() if line.startswith("# TYPE"))
    ours = {name: kind for name, kind in types.items() if name.startswith("protonats_")}

    assert len(ours) == len(list(families())) + 3
    for name, kind in ours.items():
        assert name.endswith("_total") is (kind == "counter"), name
        assert kind in ("counter", "gauge", "histogram")
        assert not name.endswith(("_ms", "_milliseconds", "_count", "_sum", "_bucket"))
        assert (kind == "histogram") <= name.endswith("_seconds")
        (help_text,) = [
            line.removeprefix(f"# HELP {name} ")
            for line in text.splitlines()
            if line.startswith(f"# HELP {name} ")
        ]
        assert help_text.endswith(".") or ": " in help_text, name


async def test_opentelemetry_exports_the_same_counters(nats: EmbeddedNats) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    settings = ConnectionSettings(servers=(nats.url,), name="metered")
    async with Application(Settings(connection=settings, health_address=None)) as application:
        telemetry.instrument(application, meter_provider=provider)
        await application.serve(Streams())
        for _ in range(3):
            await StreamClient(application.connection).say(text("a"))
        assert await values(StreamClient(application.connection).watch(text(2))) == ["0", "1"]
        exported = _exported(reader)
    provider.shutdown()

    say = {"rpc.system.name": "protonats", "rpc.method": "acme.echo.v1.EchoService/Say"}
    for side in ("client", "server"):
        handled = exported[f"protonats.{side}.handled"]
        assert ({**say, "rpc.response.status_code": "OK"}, 3) in handled
        ((_, seconds),) = [
            item for item in exported[f"protonats.{side}.duration"] if item[0] == say
        ]
        assert 0 < seconds < 30
    watch = {**say, "rpc.method": "acme.echo.v1.EchoService/Watch"}
    assert exported["protonats.client.stream_messages_received"] == [(watch, 2)]


async def test_counters_of_a_connection_that_is_gone_are_not_exported(nats: EmbeddedNats) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics = Metrics()
    metrics.dropped("late")

    from protonats._telemetry.meters import export

    export(metrics, provider.get_meter("test"))
    assert _exported(reader)["protonats.dropped"] == [({"protonats.reason": "late"}, 1)]
    del metrics
    assert _exported(reader) == {}
    provider.shutdown()


def _exported(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """Attributes and values by the name of the instrument."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        metric.name: [
            (dict(point.attributes or {}), point.value)  # type: ignore[union-attr]
            for point in metric.data.data_points
        ]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.data.data_points
    }
