"""What a client says to who gives it something else than it takes."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import CallInfo, ConnectionSettings, DeadLetters, replay
from protonats.testing import EmbeddedNats, LocalPlatform
from tests.functional.echo import Echo, EchoClient
from tests.functional.game import GameServiceEvents, GameServicePublisher
from tests.functional.streams import StreamClient, Streams, text

pytestmark = pytest.mark.anyio

REQUEST = StringValue(value="hat")


@pytest.mark.parametrize("make", [EchoClient, GameServicePublisher, DeadLetters])
async def test_a_connection_that_was_not_awaited(nats: EmbeddedNats, make: Any) -> None:
    with pytest.raises(TypeError, match=r"not awaited: write `await protonats\.connect\(…\)`"):
        make(protonats.connect(nats.url))
    with pytest.raises(TypeError, match=r"a protonats\.Connection is wanted.*, not str"):
        make(nats.url)


async def test_a_context_that_was_not_awaited(nats: EmbeddedNats) -> None:
    connecting = cast(Any, protonats.connect(nats.url))
    with pytest.raises(TypeError, match=r"write `async with await protonats\.connect\(…\) as"):
        async with connecting:
            pass


def test_connecting_is_a_coroutine_like_any_other(nats: EmbeddedNats) -> None:
    async def ping() -> str:
        async with await protonats.connect(nats.url) as connection:
            return connection.name

    assert asyncio.run(ping()) == "protonats"
    never = protonats.connect(nats.url)
    assert asyncio.iscoroutine(never)
    never.close()


async def test_a_task_may_connect(nats: EmbeddedNats) -> None:
    async with await asyncio.create_task(protonats.connect(nats.url)) as connection:
        assert connection.is_connected
    connecting = asyncio.create_task(protonats.connect(nats.url))
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting


async def test_an_event_to_replay() -> None:
    async with LocalPlatform() as platform:
        for wrong, shown in ((StringValue, "StringValue"), ("evt.x", "str")):
            events = replay(platform.connection, cast(Any, wrong))
            with pytest.raises(TypeError, match=f"class of events, .*Events.*, not {shown}"):
                await anext(events)
        for since in (timedelta(hours=1), "yesterday", 5):
            events = replay(
                platform.connection, GameServiceEvents.won, since=cast(Any, since), stream="EVENTS"
            )
            with pytest.raises(TypeError, match=r"since is a datetime .*timedelta\(hours=1\), not"):
                await anext(events)
        with pytest.raises(TypeError, match=r"a protonats\.Connection is wanted"):
            await anext(replay(cast(Any, None), GameServiceEvents.won))
        now = datetime.now(UTC)
        assert [
            _ async for _ in replay(platform.connection, GameServiceEvents.won, since=now)
        ] == []


async def test_an_event_of_another_type() -> None:
    async with LocalPlatform() as platform:
        publisher = GameServicePublisher(platform.connection)
        for wrong, shown in ((Int64Value(value=1), "Int64Value"), ({"value": "q"}, "dict")):
            with pytest.raises(TypeError, match=rf"^the event is a google\.prot.*, not {shown}$"):
                await publisher.publish_won(cast(Any, wrong))


@pytest.mark.parametrize("metadata", [[("tenant", "acme")], "tenant=acme", {"tenant"}])
async def test_metadata_that_are_no_mapping(metadata: Any) -> None:
    shown = f"metadata is a mapping of names to values.*, not {type(metadata).__name__}"
    async with LocalPlatform(Echo()) as platform:
        client = StreamClient(platform.connection)
        with pytest.raises(TypeError, match=shown):
            await client.say(REQUEST, metadata=metadata)
        with pytest.raises(TypeError, match=shown):
            await anext(client.watch(REQUEST, metadata=metadata))
        with pytest.raises(TypeError, match=shown):
            await GameServicePublisher(platform.connection).publish_won(REQUEST, metadata=metadata)


@pytest.mark.parametrize("requests", [[text(1)], text(1), iter([text(1)]), Echo])
async def test_requests_that_are_no_asynchronous_iterable(requests: Any) -> None:
    async with LocalPlatform(Streams()) as platform:
        client = StreamClient(platform.connection)
        shown = f"takes an asynchronous iterable of google.*StringValue.*, not {_kind(requests)}$"
        with pytest.raises(TypeError, match=f"^Ingest {shown}"):
            await client.ingest(requests)
        with pytest.raises(TypeError, match=f"^Chat {shown}"):
            client.chat(requests)


def _kind(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize(("name", "count"), [("protonats", 1), ("customer", 0)])
async def test_keys_of_a_connection_without_a_name_are_warned_of_once(
    caplog: pytest.LogCaptureFixture, name: str, count: int
) -> None:
    caplog.set_level(logging.WARNING, "protonats")
    async with LocalPlatform(Streams()) as platform:
        client = StreamClient(await platform.connect(ConnectionSettings(name=name)))
        await client.say(REQUEST)
        assert "idempotency" not in caplog.text
        for number in range(3):
            await client.say(REQUEST, idempotency_key=f"k-{number}", info=CallInfo())
            await anext(client.watch(StringValue(value="1"), idempotency_key=f"w-{number}"))
    warning = (
        "an idempotency key is used on a connection without a name: it is one with the keys of"
        " all other callers that have none; set NATS_NAME, or ConnectionSettings(name=…)"
    )
    assert caplog.messages == [warning] * count
