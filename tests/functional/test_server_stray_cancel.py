"""Handlers that raise CancelledError although nobody has cancelled them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._info import IdempotencyInfo
from protonats.errors import Code
from protonats.redis import connect_redis
from protonats.server import CallContext
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.echo import calling, serving
from tests.functional.policies import echo_with, raw_caller
from tests.functional.streams import Responses, Streams, code_of, each, pair, text, values

pytestmark = pytest.mark.anyio


async def future() -> None:
    """Awaits a future that somebody has cancelled."""
    awaited = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(awaited.cancel)
    await awaited


async def task() -> None:
    """Awaits a task that is cancelled while it runs."""
    awaited = asyncio.create_task(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(awaited.cancel)
    await awaited


async def at_once() -> None:
    """Raises before it waits for anything."""
    raise asyncio.CancelledError


async def itself() -> None:
    """Cancels the task that it runs in."""
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.Event().wait()


Cancelled = Callable[[], Awaitable[None]]

WAYS = pytest.mark.parametrize("cancelled", [future, task, at_once])


@WAYS
async def test_a_unary_call_is_answered(nats: EmbeddedNats, cancelled: Cancelled) -> None:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        if request.value == "stray":
            await cancelled()
        return request

    async with serving(nats.url, echo_with(say)) as (instance, _), calling(nats.url) as client:
        code, message = await code_of(client.say(text("stray")))
        assert code is Code.INTERNAL
        assert message.startswith("internal error ")
        assert (await client.say(text("next"))).value == "next"
        assert instance.in_flight == 0


@WAYS
async def test_streams_of_all_kinds_end_with_a_status(
    nats: EmbeddedNats, cancelled: Cancelled
) -> None:
    async def watch(request: StringValue, context: CallContext) -> Responses:
        if request.value == "later":
            yield request
        await cancelled()
        yield request

    async def ingest(requests: Responses, context: CallContext) -> StringValue:
        await anext(requests)
        await cancelled()
        return text("")

    async def chat(requests: Responses, context: CallContext) -> Responses:
        async for request in requests:
            yield request
            await cancelled()

    async with pair(nats.url, Streams(watch, ingest, chat)) as both:
        client = both.client
        for call in (
            values(client.watch(text("now"))),
            values(client.watch(text("later"))),
            client.ingest(each("a", "b")),
            values(client.chat(each("a", "b"))),
        ):
            code, message = await code_of(call)
            assert code is Code.INTERNAL
            assert message.startswith("internal error ")


class Iterable:
    """Responses of no generator: the next one is never there."""

    def __init__(self, cancelled: Cancelled) -> None:
        self._cancelled = cancelled

    def __aiter__(self) -> Iterable:
        return self

    async def __anext__(self) -> StringValue:
        await self._cancelled()
        raise AssertionError


@WAYS
async def test_an_iterable_that_is_no_generator_ends_the_call_too(
    nats: EmbeddedNats, cancelled: Cancelled
) -> None:
    def watch(request: StringValue, context: CallContext) -> Responses:
        return Iterable(cancelled)

    async with pair(nats.url, Streams(watch)) as both:
        code, _ = await code_of(values(both.client.watch(text("x"))))
        assert code is Code.INTERNAL


async def test_a_handler_that_cancels_itself_is_answered_and_takes_no_other_along(
    nats: EmbeddedNats,
) -> None:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        if request.value == "itself":
            await itself()
        return request

    async def ingest(requests: Responses, context: CallContext) -> StringValue:
        await itself()
        return text("")

    server = Streams(ingest=ingest)
    server.handler = say
    async with pair(nats.url, server) as both:
        calls = [code_of(both.client.say(text("itself"))), code_of(both.client.ingest(each("a")))]
        others = [both.client.say(text(number)) for number in range(10)]
        expected = (Code.UNAVAILABLE, "the task of the handler was cancelled")
        assert await asyncio.gather(*calls) == [expected] * 2
        assert [answer.value for answer in await asyncio.gather(*others)] == [*map(str, range(10))]


@WAYS
async def test_a_call_with_a_key_is_answered_and_may_be_made_again(
    nats: EmbeddedNats, cancelled: Cancelled, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    async def say(request: StringValue, context: CallContext) -> StringValue:
        nonlocal calls
        calls += 1
        if calls == 1:
            await cancelled()
        return request

    with EmbeddedRedis() as server, caplog.at_level(logging.ERROR, "protonats"):
        redis = await connect_redis(server.url)
        service = echo_with(say, idempotency=IdempotencyInfo())
        async with serving(nats.url, service, redis=redis), raw_caller(nats.url) as caller:
            first = await caller.call("x", Pn_Idempotency_Key="k")
            assert first.error.code is Code.INTERNAL
            assert (await caller.call("x", Pn_Idempotency_Key="k")).value == "x"
        await redis.aclose()
