"""Deadlines: both sides keep them, and calls made by handlers inherit them."""

from __future__ import annotations

import asyncio
import time

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._wire import headers, status
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoMethods, calling, dropped, eventually, serving
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio

_HI = StringValue(value="hi").SerializeToString()


def request_block(remaining_ms: int) -> bytes:
    return f"NATS/1.0\r\nPn-Call: 01-{'0' * 32}-{remaining_ms:08x}\r\n\r\n".encode()


def deadline_of(context: CallContext) -> float:
    assert context.deadline is not None
    return context.deadline


class Sleeper:
    """A handler that waits until it is cancelled, and remembers."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, request: StringValue, context: CallContext) -> StringValue:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request


async def test_the_caller_stops_to_wait_whatever_the_instance_does(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as client, raw_nats(nats.url) as silent:
        await silent.subscribe("svc.echo.v1.say")
        began = time.monotonic()
        with pytest.raises(StatusError, match=r"svc\.echo\.v1\.say before the deadline") as error:
            await client.say(StringValue(), timeout=0.1)
    assert error.value.code is Code.DEADLINE_EXCEEDED
    assert 0.1 <= time.monotonic() - began < 2.0


async def test_the_instance_cancels_the_handler_and_answers(nats: EmbeddedNats) -> None:
    sleeper = Sleeper()
    async with serving(nats.url, Echo(sleeper)) as (instance, _), raw_nats(nats.url) as raw:
        answer = await raw.request("svc.echo.v1.say", _HI, headers=request_block(50))
        error = status.decode(headers.decode(answer.headers).lines, answer.body)
        assert error.code is Code.DEADLINE_EXCEEDED
        await sleeper.cancelled.wait()
        await eventually(lambda: instance.in_flight == 0)


async def test_a_handler_that_ignores_its_cancellation_is_answered_in_time(
    nats: EmbeddedNats,
) -> None:
    go = asyncio.Event()

    async def stubborn(request: StringValue, context: CallContext) -> StringValue:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue
        return request

    async with serving(nats.url, Echo(stubborn)) as (instance, _), raw_nats(nats.url) as raw:
        answer = await raw.request("svc.echo.v1.say", _HI, headers=request_block(50))
        error = status.decode(headers.decode(answer.headers).lines, answer.body)
        assert error.code is Code.DEADLINE_EXCEEDED
        assert instance.in_flight == 1
        go.set()
        await eventually(lambda: instance.in_flight == 0)


async def test_a_request_with_no_time_left_is_dropped_and_counted(nats: EmbeddedNats) -> None:
    echo = Echo()
    async with serving(nats.url, echo) as (_, connection), raw_nats(nats.url) as raw:
        raw.publish("svc.echo.v1.say", _HI, reply="_INBOX.raw.1.1", headers=request_block(0))
        await eventually(lambda: dropped(connection) == {"expired": 1})
    assert echo.contexts == []


async def test_a_request_whose_turn_comes_too_late_is_dropped(nats: EmbeddedNats) -> None:
    async def block(request: StringValue, context: CallContext) -> StringValue:
        time.sleep(0.2)  # noqa: ASYNC251
        return request

    echo = Echo(block)
    async with serving(nats.url, echo) as (_, connection), raw_nats(nats.url) as raw:
        for _ in range(3):
            raw.publish("svc.echo.v1.say", _HI, reply="_INBOX.raw.1.1", headers=request_block(100))
        await eventually(lambda: dropped(connection).get("expired", 0) >= 1)
    assert len(echo.contexts) < 3


async def test_without_a_deadline_the_schema_decides(nats: EmbeddedNats) -> None:
    echo = Echo()
    async with serving(nats.url, echo), raw_nats(nats.url) as raw:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await raw.request("svc.echo.v1.say", _HI)
        await raw.request("svc.echo.v1.say", _HI, headers=request_block(0xFFFFFFFF))
        after = loop.time()
    timeout = EchoMethods.say.timeout
    assert timeout is not None
    for context in echo.contexts:
        assert before + timeout <= deadline_of(context) <= after + timeout


async def test_a_call_made_by_a_handler_inherits_what_is_left(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as nested:

        async def forward(request: StringValue, context: CallContext) -> StringValue:
            if request.value == "outer":
                return await nested.say(StringValue(value="inner"), timeout=60.0)
            return request

        echo = Echo(forward)
        async with serving(nats.url, echo), calling(nats.url) as client:
            await client.say(StringValue(value="outer"), timeout=2.0)
    outer, inner = echo.contexts
    # The time left is rounded up to a millisecond on the way.
    assert deadline_of(outer) - 0.5 < deadline_of(inner) <= deadline_of(outer) + 0.1


async def test_a_nested_call_without_time_left_is_not_made(nats: EmbeddedNats) -> None:
    errors: list[StatusError] = []
    done = asyncio.Event()

    async with calling(nats.url) as nested:

        async def linger(request: StringValue, context: CallContext) -> StringValue:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                # The clocks of some event loops are coarse.
                while context.remaining() != 0:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                try:
                    await nested.say(StringValue(value="inner"))
                except StatusError as error:
                    errors.append(error)
                done.set()
                raise
            return request

        echo = Echo(linger)
        async with serving(nats.url, echo), raw_nats(nats.url) as raw:
            await raw.request("svc.echo.v1.say", _HI, headers=request_block(50))
            await done.wait()
    assert [error.code for error in errors] == [Code.DEADLINE_EXCEEDED]
    assert "the deadline had passed" in errors[0].message
    assert len(echo.contexts) == 1
