"""Services and clients in one process, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats.interceptors import ServerInterceptor, ServeUnary
from protonats.server import CallContext
from protonats.testing import EmbeddedRedis, LocalPlatform
from tests.functional.echo import Echo, EchoClient, eventually
from tests.functional.game import Game, GameServicePublisher, plan, until
from tests.functional.talk import Talk, read, text, texts

pytestmark = pytest.mark.anyio


@pytest.fixture
async def platform() -> AsyncIterator[LocalPlatform]:
    async with LocalPlatform(Talk()) as platform:
        yield platform


async def test_all_four_kinds_of_calls(platform: LocalPlatform) -> None:
    client = EchoClient(platform.connection)

    assert await client.say(text("hello")) == text("hello")
    assert (await client.room(text("kitchen")))["room"] == "kitchen"
    assert await read(client.watch(text("abc"))) == ["a", "b", "c"]
    assert await client.ingest(texts("abc")) == text("abc")
    assert await read(client.chat(texts("ab"))) == ["a!", "b!"]


async def test_where_nobody_serves_a_call_is_unavailable_at_once() -> None:
    async with LocalPlatform() as platform:
        with pytest.raises(protonats.StatusError) as failure:
            await EchoClient(platform.connection).say(text("hello"), timeout=60)

    assert failure.value.code is protonats.Code.UNAVAILABLE
    assert failure.value.unhandled


async def test_instances_of_a_service_share_its_calls() -> None:
    one, other = Echo(), Echo()
    async with LocalPlatform(one, other) as platform:
        client = EchoClient(platform.connection)
        for _ in range(64):
            await client.say(text("hello"))
        assert len(one.contexts) + len(other.contexts) == 64
        assert one.contexts
        assert other.contexts

        seen = len(one.contexts)
        await platform.stop(platform.applications[1])
        for _ in range(8):
            await client.say(text("hello"))
        assert len(one.contexts) == seen + 8


async def test_a_cancelled_call_is_cancelled_there() -> None:
    talk = Talk()
    async with LocalPlatform(talk) as platform:
        call = asyncio.create_task(EchoClient(platform.connection).say(text("never")))
        await talk.begun.wait()
        call.cancel()
        async with asyncio.timeout(5):
            await talk.ended.wait()


async def test_a_stream_that_is_left_is_cancelled_there() -> None:
    talk = Talk()
    async with LocalPlatform(talk) as platform:
        stream = EchoClient(platform.connection).watch(text("never"))
        assert [(await anext(stream)).value for _ in range(5)] == list("never")
        await talk.begun.wait()
        await stream.aclose()
        async with asyncio.timeout(5):
            await talk.ended.wait()


async def test_a_deadline_ends_a_call_on_both_sides() -> None:
    talk = Talk()
    async with LocalPlatform(talk) as platform:
        with pytest.raises(protonats.StatusError) as failure:
            await EchoClient(platform.connection).say(text("never"), timeout=0.05)
        assert failure.value.code is protonats.Code.DEADLINE_EXCEEDED
        async with asyncio.timeout(5):
            await talk.ended.wait()


async def test_large_messages_go_in_parts() -> None:
    async with LocalPlatform(Talk(), max_payload=4096) as platform:
        assert platform.connection.max_payload == 4096
        large = text("x" * 100_000)
        assert await EchoClient(platform.connection).say(large) == large


async def test_services_are_discovered(platform: LocalPlatform) -> None:
    loop = asyncio.get_running_loop()
    answer = await platform.connection._request("$SRV.INFO.echo", b"", b"", loop.time() + 5)

    found = json.loads(answer.body)
    assert found["type"] == "io.nats.micro.v1.info_response"
    (instance,) = platform.applications[0].instances
    assert found["id"] == instance.id


async def test_a_server_is_made_of_its_application() -> None:
    class Relay(Echo):
        """Passes what it is told to a service of the same kind in another room."""

        def __init__(self, application: protonats.Application) -> None:
            super().__init__(self._relay)
            self.client = EchoClient(application.connection)

        async def _relay(self, request: StringValue, context: CallContext) -> StringValue:
            room = await self.client.room(request)
            return text(f"in the {room['room']}")

    async with LocalPlatform(Relay) as platform:
        answer = await EchoClient(platform.connection).say(text("kitchen"))

    assert answer.value == "in the kitchen"


async def test_a_redis_is_used_where_the_settings_name_one() -> None:
    with EmbeddedRedis() as redis:
        settings = protonats.Settings(redis_url=redis.url)
        async with LocalPlatform(Talk(), settings=settings) as platform:
            assert await platform.applications[0].redis.ping()


async def test_interceptors_go_around_the_calls() -> None:
    class Shout(ServerInterceptor):
        async def unary(
            self, request: Message, context: CallContext, proceed: ServeUnary
        ) -> Message:
            assert isinstance(request, StringValue)
            return await proceed(text(request.value.upper()), context)

    async with LocalPlatform(Talk(), interceptors=[Shout()]) as platform:
        answer = await EchoClient(platform.connection).say(text("hello"))

    assert answer.value == "HELLO"


async def test_a_lost_connection_fails_calls_and_comes_back(platform: LocalPlatform) -> None:
    client = EchoClient(platform.connection)
    call = asyncio.create_task(client.say(text("never")))
    await eventually(lambda: platform.applications[0].instances[0].in_flight == 1)
    platform.disconnect(platform.connection)
    with pytest.raises(protonats.StatusError) as failure:
        await call
    assert failure.value.code is protonats.Code.UNAVAILABLE
    with pytest.raises(protonats.StatusError, match="no connection"):
        platform.connection._transport.publish("a", b"")

    platform.reconnect()
    assert platform.connection.is_connected
    assert await client.say(text("hello")) == text("hello")


async def test_a_service_that_is_cut_off_gets_no_calls(platform: LocalPlatform) -> None:
    client = EchoClient(platform.connection)
    platform.disconnect(platform.applications[0].connection)
    with pytest.raises(protonats.StatusError, match="no instance serves"):
        await client.say(text("hello"), timeout=0.3)

    platform.reconnect()
    assert await client.say(text("hello")) == text("hello")


async def test_a_connection_of_its_own_is_closed_with_the_platform() -> None:
    async with LocalPlatform(Talk()) as platform:
        connection = await platform.connect("other")
        assert connection.name == "other"
        assert await EchoClient(connection).say(text("hello")) == text("hello")
    assert connection.is_closed


async def test_what_is_not_entered_says_so() -> None:
    with pytest.raises(RuntimeError, match="not entered"):
        _ = LocalPlatform().connection
    with pytest.raises(RuntimeError, match="not entered"):
        await LocalPlatform().connect()


async def test_the_plan_is_the_file_of_the_generator(tmp_path: Path) -> None:
    path = tmp_path / "jetstream.json"
    path.write_text(json.dumps(plan(max_deliver=2, backoff_seconds=[0.01])))
    for given in (path, str(path)):
        game = Game()
        deliveries: list[int] = []

        async def fail(value: object, context: protonats.EventContext) -> None:
            deliveries.append(context.delivery)  # noqa: B023
            raise ValueError("as told")

        game.on_event = fail
        async with LocalPlatform(game, plan=given) as platform:
            await GameServicePublisher(platform.connection).publish_scored(Int64Value(value=1))
            letters = protonats.DeadLetters(platform.connection)
            await until(lambda: _any(letters))  # noqa: B023
        assert deliveries == [1, 2]


async def _any(letters: protonats.DeadLetters) -> bool:
    return bool([letter async for letter in letters.list()])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file or directory: '.*jetstream.json'"),
        ("{", "jetstream.json is no JSON"),
        ("[]", "jetstream.json is no plan: write an object with streams and consumers"),
    ],
)
async def test_a_plan_that_cannot_be_read_is_named(
    tmp_path: Path, content: str | None, text: str
) -> None:
    path = tmp_path / "jetstream.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises((protonats.ConfigurationError, FileNotFoundError), match=text):
        LocalPlatform(plan=path)
