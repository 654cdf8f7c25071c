"""The policies of a client where they meet streams: they open one, and let it run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from protonats._streaming.caller import CallerStream
from protonats._streaming.client_call import ClientStream
from protonats._wire.stream_header import StreamHeader
from protonats.call_info import CallInfo
from protonats.connection import connect
from protonats.errors import Code, StatusError
from protonats.interceptors import CallServerStream, ClientInterceptor, OutgoingCall
from protonats.response_stream import ResponseStream
from protonats.server import CallContext
from protonats.settings import BreakerSettings, ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, EchoMethods, calling, eventually, serving
from tests.functional.raw_nats import raw_nats
from tests.functional.raw_streams import RawInstance
from tests.functional.shop import failure, metric

pytestmark = pytest.mark.anyio


class Clock(Echo):
    """Ticks until nobody listens, or fails at once."""

    def __init__(self) -> None:
        super().__init__()
        self.error: StatusError | None = None

    async def watch(self, request: StringValue, context: CallContext) -> AsyncIterator[StringValue]:
        self.contexts.append(context)
        if self.error is not None:
            raise self.error
        while True:
            yield request


@asynccontextmanager
async def watching(
    url: str, *, breaker: BreakerSettings | None = None, wait_for_ready: bool = False
) -> AsyncIterator[EchoClient]:
    settings = ConnectionSettings(servers=(url,), name="watcher", breaker=breaker)
    async with await connect(settings) as connection:
        yield EchoClient(connection, wait_for_ready=wait_for_ready)


async def test_an_opening_that_nobody_took_is_tried_again(nats: EmbeddedNats) -> None:
    async with watching(nats.url) as client:
        with pytest.raises(StatusError, match="no instance serves") as error:
            await anext(client.watch(StringValue()))
        assert error.value.code is Code.UNAVAILABLE
        assert metric(client, "client_retries_total", reason="no_instance", method="Watch") == 2


async def test_a_stream_waits_for_an_instance(nats: EmbeddedNats) -> None:
    info = CallInfo()
    async with watching(nats.url, wait_for_ready=True) as client:
        stream = client._server_stream(EchoMethods.watch, StringValue(value="tick"), info=info)
        first = asyncio.ensure_future(anext(stream))
        await eventually(lambda: info.attempts >= 2)
        async with serving(nats.url, Clock()):
            assert (await first).value == "tick"
            del first, stream


async def test_a_stream_that_was_begun_is_not_begun_again(nats: EmbeddedNats) -> None:
    clock = Clock()
    clock.error = StatusError(Code.UNAVAILABLE, "no more")
    async with serving(nats.url, clock), watching(nats.url) as client:
        with pytest.raises(StatusError, match="no more"):
            await anext(client.watch(StringValue()))
    assert len(clock.contexts) == 1


async def test_openings_that_fail_open_the_breaker(nats: EmbeddedNats) -> None:
    breaker = BreakerSettings(min_calls=3, open_time=0.1)
    async with watching(nats.url, breaker=breaker) as client:
        for _ in range(3):
            with pytest.raises(StatusError, match="no instance serves"):
                await anext(client.watch(StringValue()))
        with pytest.raises(StatusError, match=r"circuit breaker of .*/Watch is open"):
            await anext(client.watch(StringValue()))
        async with serving(nats.url, Clock()):
            await eventually_opens(client)
            assert metric(client, "client_breaker_state", method="Watch") == 0


async def eventually_opens(client: EchoClient) -> None:
    """Asks again until the breaker lets a stream through."""
    async with asyncio.timeout(5.0):
        while True:
            try:
                assert (await anext(client.watch(StringValue(value="tick")))).value == "tick"
                return
            except StatusError as error:
                if "circuit breaker" not in error.message:
                    raise
                await asyncio.sleep(0.005)


async def test_leaving_a_stream_early_cancels_its_handler(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Clock()) as (instance, _), calling(nats.url) as client:
        async for tick in client.watch(StringValue(value="tick")):
            assert tick.value == "tick"
            break
        await eventually(lambda: instance.in_flight == 0)


class Shouting(ClientInterceptor):
    """Makes another iterator of a stream, as interceptors do."""

    async def server_stream(
        self, request: Message, call: OutgoingCall, proceed: CallServerStream
    ) -> AsyncIterator[Message]:
        async with aclosing(cast(ResponseStream[StringValue], proceed(request, call))) as ticks:
            async for tick in ticks:
                yield StringValue(value=tick.value.upper())


@pytest.mark.parametrize("interceptors", [(), (Shouting(),)])
async def test_closing_a_stream_cancels_its_handler_at_once(
    nats: EmbeddedNats, interceptors: tuple[ClientInterceptor, ...]
) -> None:
    settings = ConnectionSettings(servers=(nats.url,), name="watcher")
    async with (
        serving(nats.url, Clock()) as (instance, _),
        await connect(settings) as connection,
    ):
        client = EchoClient(connection, interceptors=interceptors)
        ticks = client.watch(StringValue(value="tick"))
        async with aclosing(ticks):
            async for tick in ticks:
                assert tick.value.lower() == "tick"
                break
            assert instance.in_flight == 1
        await eventually(lambda: instance.in_flight == 0)
        with pytest.raises((StopAsyncIteration, StatusError)):
            await anext(ticks)


async def test_a_probe_that_is_cancelled_when_it_was_accepted_closes_the_breaker(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[asyncio.Future[StringValue]] = []
    accept = CallerStream._accept

    def accept_and_cancel(stream: CallerStream, instance: str, announced: StreamHeader) -> None:
        accept(stream, instance, announced)
        calls[0].cancel()

    breaker = BreakerSettings(min_calls=1, open_time=0.01)
    async with watching(nats.url, breaker=breaker) as client:
        with pytest.raises(StatusError, match="no instance serves"):
            await anext(client.watch(StringValue()))
        await asyncio.sleep(breaker.open_time)
        async with serving(nats.url, Clock()):
            monkeypatch.setattr(CallerStream, "_accept", accept_and_cancel)
            calls.append(asyncio.ensure_future(anext(client.watch(StringValue(value="tick")))))
            await asyncio.wait(calls)
            assert calls[0].cancelled()
            assert metric(client, "client_breaker_state", method="Watch") == 0


@pytest.mark.parametrize("given_up", [True, False])
async def test_a_probe_that_its_caller_ends_before_it_is_accepted_closes_nothing(
    nats: EmbeddedNats, given_up: bool
) -> None:
    async def failing() -> AsyncIterator[StringValue]:
        await lost.wait()
        if lost.is_set():
            raise StatusError(Code.NOT_FOUND, "the caller's own")
        yield StringValue()

    lost = asyncio.Event()
    breaker = BreakerSettings(min_calls=1, open_time=0.01)
    async with watching(nats.url, breaker=breaker) as client, raw_nats(nats.url) as raw:
        with pytest.raises(StatusError, match="no instance serves"):
            await client.ingest(failing())
        await asyncio.sleep(breaker.open_time)
        instance = RawInstance(raw)
        await instance.serve("ingest")
        call = asyncio.create_task(client.ingest(failing()))
        await instance.take()
        if given_up:
            call.cancel()
        else:
            lost.set()
        await asyncio.wait((call,))
        assert metric(client, "client_breaker_state", method="Ingest") == 1


async def test_a_stream_that_ends_as_its_pause_does_fails_nothing(nats: EmbeddedNats) -> None:
    refused = failure(Code.RESOURCE_EXHAUSTED, unhandled=True, delay=0.03)
    assert refused is not None
    async with watching(nats.url) as client, raw_nats(nats.url) as raw:
        instance = RawInstance(raw)
        await instance.serve("watch")
        stream = client.watch(StringValue())
        call = asyncio.ensure_future(anext(stream))
        await instance.take()
        instance.send(refused[1], refused[0])
        caller = cast(ClientStream[StringValue], stream)._stream
        await eventually(lambda: len(client._connection._calls) == 0 and caller._answer is not None)
        # Both happen in the next turn of the loop, this one first. What a timer raises there fails
        # the test.
        asyncio.get_running_loop().call_soon(caller.give_up)
        time.sleep(0.04)  # noqa: ASYNC251
        with pytest.raises(StatusError, match="the caller gave up the call"):
            await call
