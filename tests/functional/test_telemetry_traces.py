"""One trace goes through callers, services, events and caches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from protonats import Connection, ConnectionSettings, connect, deadline, provision
from protonats._consuming.consumer import Consumer
from protonats._serving.instance import Instance
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.cached import Cached
from tests.functional.consuming import INFO
from tests.functional.echo import Echo, EchoClient, EchoServer
from tests.functional.game import (
    DURABLE,
    WON,
    Game,
    GameServiceClient,
    GameServicePublisher,
    plan,
    until,
)
from tests.functional.raw_nats import raw_nats
from tests.functional.traced import Spans, attributes, is_child

pytestmark = pytest.mark.anyio

SAY = "acme.echo.v1.EchoService/Say"
ECHO = "game.v1.GameService/Echo"


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
def spans() -> Spans:
    return Spans()


class World:
    """Connections and what serves on them, all instrumented."""

    def __init__(self, url: str, spans: Spans, stack: AsyncExitStack) -> None:
        self._url = url
        self._spans = spans
        self._stack = stack

    async def connect(self, name: str) -> Connection:
        settings = ConnectionSettings(servers=(self._url,), name=name)
        connection = await self._stack.enter_async_context(await connect(settings))
        self._spans.watch(connection)
        return connection

    async def serve(self, connection: Connection, server: EchoServer | Game) -> None:
        instance = Instance(connection, server)
        await instance.start()
        self._stack.push_async_callback(instance.drain, 1.0)

    async def consume(self, connection: Connection, game: Game) -> None:
        await provision.apply(connection.jetstream, plan())
        consumer = Consumer(connection, INFO, game)
        await consumer.start()
        self._stack.push_async_callback(consumer.drain, 1.0)


@pytest.fixture
async def world(nats: EmbeddedNats, spans: Spans) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(nats.url, spans, stack)


async def test_a_call_a_nested_call_and_an_event_are_one_trace(world: World, spans: Spans) -> None:
    outer, inner, caller = [await world.connect(name) for name in ("outer", "inner", "caller")]
    game = Game()

    async def say(request: StringValue, context: CallContext) -> StringValue:
        answer = await GameServiceClient(outer).echo(request)
        await GameServicePublisher(outer).publish_won(answer)
        return answer

    await world.serve(inner, game)
    await world.consume(inner, game)
    await world.serve(outer, Echo(say))
    with spans.tracer.start_as_current_span("request"):
        await EchoClient(caller).say(StringValue(value="a"))
    await until(lambda: game.has("a"))
    request, *_ = [span for span in await spans.arrived(7) if span.name == "request"]

    chain = [
        request,
        spans.one(SpanKind.CLIENT, SAY),
        spans.one(SpanKind.SERVER, SAY),
        spans.one(SpanKind.PRODUCER),
        spans.one(SpanKind.CONSUMER),
    ]
    for parent, child in pairwise(chain):
        assert is_child(child, parent), child.name
    assert is_child(spans.one(SpanKind.CLIENT, ECHO), spans.one(SpanKind.SERVER, SAY))
    assert is_child(spans.one(SpanKind.SERVER, ECHO), spans.one(SpanKind.CLIENT, ECHO))


async def test_spans_say_what_the_conventions_ask_for(world: World, spans: Spans) -> None:
    connection = await world.connect("both")
    game = Game()
    await world.serve(connection, game)
    await world.consume(connection, game)
    await GameServiceClient(connection).echo(StringValue(value="a"))
    ack = await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await spans.arrived(4)

    call = {
        "rpc.system.name": "protonats",
        "rpc.method": ECHO,
        "rpc.response.status_code": "OK",
        "server.address": "svc.game.v1",
    }
    assert attributes(spans.one(SpanKind.CLIENT)) == call
    server = dict(attributes(spans.one(SpanKind.SERVER)))
    assert len(server.pop("protonats.call_id")) == 32
    assert len(server.pop("protonats.instance")) == 16
    assert server == call
    event = {"messaging.system": "nats", "protonats.event": WON}
    assert spans.one(SpanKind.PRODUCER).name == "publish evt.game.won.v1"
    assert attributes(spans.one(SpanKind.PRODUCER)) == event | {
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "evt.game.won.v1",
    }
    assert spans.one(SpanKind.CONSUMER).name == "process evt.game.won.v1"
    assert attributes(spans.one(SpanKind.CONSUMER)) == event | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "evt.game.won.v1.a",
        "messaging.consumer.group.name": DURABLE,
        "messaging.message.id": ack.event_id,
        "protonats.delivery": 1,
    }


async def test_the_current_span_of_a_handler_is_that_of_its_call(
    world: World, spans: Spans
) -> None:
    seen: list[object] = []

    async def say(request: StringValue, context: CallContext) -> StringValue:
        seen.append(trace.get_current_span().get_span_context().span_id)
        with spans.tracer.start_as_current_span("work"):
            seen.append(deadline.current_trace())
        return request

    # The span that the connection was made in is nothing to the calls.
    with spans.tracer.start_as_current_span("main"):
        connection = await world.connect("echo")
        await world.serve(connection, Echo(say))
    caller = await world.connect("caller")
    await EchoClient(caller).say(StringValue())
    await spans.arrived(4)

    server = spans.one(SpanKind.SERVER)
    context = server.context
    assert context is not None
    assert seen == [
        context.span_id,
        f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}",
    ]
    (work,) = [span for span in spans.all if span.name == "work"]
    assert is_child(work, server)
    assert spans.one(SpanKind.CLIENT).parent is None
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_a_failed_handler_of_an_event_has_a_span_for_each_delivery(
    world: World, spans: Spans
) -> None:
    connection = await world.connect("both")
    game = Game()

    async def fail_once(value: object, context: object) -> None:
        if len(game.events) == 1:
            raise ValueError("not now")

    game.on_event = fail_once
    await world.consume(connection, game)
    await GameServicePublisher(connection).publish_won(StringValue(value="again"))
    _, first, second = await spans.arrived(3)

    assert attributes(first)["error.type"] == "ValueError"
    assert (first.status.is_ok, first.status.description) == (False, "not now")
    assert [attributes(span)["protonats.delivery"] for span in (first, second)] == [1, 2]
    assert "error.type" not in attributes(second)
    assert is_child(second, spans.one(SpanKind.PRODUCER))


async def test_an_event_that_is_not_stored_marks_its_span(world: World, spans: Spans) -> None:
    connection = await world.connect("nobody")
    for stream in await connection.jetstream.streams_info():
        await connection.jetstream.delete_stream(str(stream.config.name))
    with pytest.raises(Exception, match="no stream stores"):
        await GameServicePublisher(connection).publish_won(StringValue(value="a"))

    (span,) = await spans.arrived(1)
    assert attributes(span)["error.type"] == "FAILED_PRECONDITION"
    assert not span.status.is_ok


async def test_a_look_into_the_cache_has_a_span_that_says_what_it_found(
    world: World, spans: Spans
) -> None:
    connection = await world.connect("cached")
    await world.serve(connection, Cached())
    client = GameServiceClient(connection)
    for _ in range(2):
        await client.echo(StringValue(value="a"))
    await spans.arrived(6)

    lookups = [span for span in spans.all if span.kind is SpanKind.INTERNAL]
    assert [attributes(span)["protonats.cache.result"] for span in lookups] == ["miss", "local_hit"]
    servers = [span for span in spans.all if span.kind is SpanKind.SERVER]
    assert all(map(is_child, lookups, servers))
    assert {span.name for span in lookups} == {f"cache {ECHO}"}


async def test_a_caller_without_telemetry_has_a_trace_begun_for_it(
    world: World, spans: Spans, nats: EmbeddedNats
) -> None:
    connection = await world.connect("echo")
    await world.serve(connection, Echo())
    async with raw_nats(nats.url) as raw:
        await raw.request("svc.echo.v1.say", b"")
    (span,) = await spans.arrived(1)

    assert (span.kind, span.parent) == (SpanKind.SERVER, None)
