"""Streaming calls that end early: by the caller, the handler, the deadline or the drain."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import dropped, eventually
from tests.functional.streams import (
    Held,
    Pair,
    Responses,
    StreamClient,
    Streams,
    code_of,
    each,
    pair,
    text,
    values,
)

pytestmark = pytest.mark.anyio


class Endless:
    """Requests that never end, and whether they were left."""

    def __init__(self) -> None:
        self.left = False

    async def __call__(self) -> Responses:
        try:
            yield text("first")
            await asyncio.Event().wait()
        finally:
            self.left = True


async def _cancel_task(both: Pair, call: Awaitable[object]) -> None:
    task = asyncio.ensure_future(call)
    await eventually(lambda: both.instance.in_flight == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_breaking_out_of_the_loop_cancels_the_handler(nats: EmbeddedNats) -> None:
    held, requests = Held(), Endless()
    async with pair(nats.url, held.server()) as both:
        async for _ in both.client.watch(text("a")):
            break
        async for _ in both.client.chat(requests()):
            break
        await eventually(lambda: sorted(held.ended) == ["chat", "watch"])
        await eventually(lambda: requests.left)


async def test_closing_the_stream_cancels_the_handler(nats: EmbeddedNats) -> None:
    held, requests = Held(), Endless()
    async with pair(nats.url, held.server()) as both:
        stream = both.client.chat(requests())
        await anext(stream)
        await stream.aclose()
        assert requests.left
        assert await code_of(anext(stream)) == (Code.CANCELLED, "the caller gave up the call")
        await eventually(lambda: held.ended == ["chat"])
        assert both.rows("protonats_server_handled_total{") == [
            'protonats_server_handled_total{code="CANCELLED",method="Chat",'
            'service="acme.echo.v1.EchoService"} 1.0'
        ]


@pytest.mark.parametrize(
    "call",
    [
        lambda client, requests: values(client.watch(text(""))),
        lambda client, requests: client.ingest(requests()),
        lambda client, requests: values(client.chat(requests())),
    ],
    ids=["watch", "ingest", "chat"],
)
async def test_cancelling_the_task_cancels_the_handler(
    nats: EmbeddedNats, call: Callable[[StreamClient, Endless], Awaitable[object]]
) -> None:
    held, requests = Held(), Endless()
    async with pair(nats.url, held.server()) as both:
        await _cancel_task(both, call(both.client, requests))
        await eventually(lambda: len(held.ended) == held.begun)


async def test_a_call_is_cancelled_before_it_was_accepted(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        task = asyncio.ensure_future(values(both.client.watch(text(""))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_stream_that_nobody_reads_never_begins(nats: EmbeddedNats) -> None:
    held, requests = Held(), Endless()
    async with pair(nats.url, held.server()) as both:
        both.client.watch(text(""))
        stream = both.client.chat(requests())
        await stream.aclose()
        assert await code_of(anext(stream)) == (Code.CANCELLED, "the caller gave up the call")
        del stream
        gc.collect()
        await both.client.say(text("hi"))
    assert (held.begun, requests.left) == (0, False)
    started = [row for row in both.rows("protonats_client_started_total") if '"Say"' not in row]
    assert all(row.endswith(" 0.0") for row in started)


async def test_a_stream_that_is_dropped_half_read_is_cancelled(nats: EmbeddedNats) -> None:
    held, requests = Held(), Endless()
    async with pair(nats.url, held.server()) as both:
        streams = [both.client.watch(text("")), both.client.chat(requests())]
        await asyncio.gather(*map(anext, streams))
        streams.clear()
        await eventually(lambda: len(held.ended) == 2)
        await eventually(lambda: requests.left)


async def test_the_deadline_ends_both_sides(nats: EmbeddedNats) -> None:
    held, requests = Held(), Endless()
    async with pair(nats.url, held.server()) as both:
        for call in (
            values(both.client.watch(text(""), timeout=0.1)),
            both.client.ingest(requests(), timeout=0.1),
            values(both.client.chat(requests(), timeout=0.1)),
        ):
            assert (await code_of(call))[0] is Code.DEADLINE_EXCEEDED
            await eventually(lambda: len(held.ended) == held.begun)
        assert requests.left


async def test_a_call_whose_deadline_has_passed_is_not_made(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        with protonats.deadline.scope(asyncio.get_running_loop().time() - 1):
            code, message = await code_of(values(both.client.watch(text(1))))
    assert (code, "was not called" in message) == (Code.DEADLINE_EXCEEDED, True)


async def test_the_status_of_a_handler_comes_after_its_messages(nats: EmbeddedNats) -> None:
    async def fail(request: StringValue, context: CallContext) -> Responses:
        context.trailers["why"] = "tired"
        for number in range(500):
            yield text(number)
        raise StatusError(Code.NOT_FOUND, "no more", details=[text("detail")])

    async with pair(nats.url, Streams(watch=fail)) as both:
        info = protonats.CallInfo()
        stream = both.client.watch(text(""), info=info)
        assert [(await anext(stream)).value for _ in range(500)] == [*map(str, range(500))]
        with pytest.raises(StatusError, match="no more") as error:
            await anext(stream)
    assert (error.value.code, error.value.details) == (Code.NOT_FOUND, (text("detail"),))
    assert info.trailers == {"why": "tired"}


@pytest.mark.parametrize("error", [ValueError("secret"), asyncio.CancelledError(), SystemExit(1)])
async def test_an_exception_of_a_handler_is_internal_and_its_text_stays_in_the_log(
    nats: EmbeddedNats, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def watch(request: StringValue, context: CallContext) -> Responses:
        yield request
        raise error

    async def ingest(requests: Responses, context: CallContext) -> StringValue:
        raise error

    async with pair(nats.url, Streams(watch=watch, ingest=ingest)) as both:
        for call in (values(both.client.watch(text(""))), both.client.ingest(each(1))):
            code, message = await code_of(call)
            assert (code, message.split()[:2]) == (Code.INTERNAL, ["internal", "error"])
            assert message.split()[2] in caplog.text


async def test_a_response_of_another_type_is_internal(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    async def watch(request: StringValue, context: CallContext) -> Responses:
        yield "no message"  # type: ignore[misc]

    async with pair(nats.url, Streams(watch=watch)) as both:
        assert (await code_of(values(both.client.watch(text("")))))[0] is Code.INTERNAL
    assert "gave str instead of google.protobuf.StringValue" in caplog.text


async def test_a_handler_may_end_before_its_requests_do(nats: EmbeddedNats) -> None:
    async def first(requests: Responses, context: CallContext) -> StringValue:
        return await anext(requests)

    async def two(requests: Responses, context: CallContext) -> Responses:
        yield await anext(requests)
        yield text("enough")

    requests, more = Endless(), Endless()
    async with pair(nats.url, Streams(ingest=first, chat=two)) as both:
        assert (await both.client.ingest(requests())).value == "first"
        assert requests.left
        assert await values(both.client.chat(more())) == ["first", "enough"]
        assert more.left


async def test_an_exception_of_the_requests_cancels_the_call_and_is_raised_as_it_is(
    nats: EmbeddedNats,
) -> None:
    async def broken(good: int) -> Responses:
        for number in range(good):
            yield text(number)
        raise LookupError("no more")

    held = Held()
    async with pair(nats.url, held.server()) as both:
        for good in (0, 1, 100):
            with pytest.raises(LookupError, match="no more"):
                await both.client.ingest(broken(good))
            with pytest.raises(LookupError, match="no more"):
                await values(both.client.chat(broken(good)))
            await eventually(lambda: len(held.ended) == held.begun)
        with pytest.raises(TypeError, match=r"StringValue, not int"):
            await both.client.ingest(_numbers())  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"async.*iterable|__aiter__"):
            await both.client.ingest([text(1)])  # type: ignore[arg-type]


async def _numbers() -> object:
    yield 1


async def test_the_drain_gives_time_and_then_ends_the_stream(nats: EmbeddedNats) -> None:
    held = Held()
    async with pair(nats.url, held.server()) as both:
        stream = both.client.watch(text(""))
        await anext(stream)
        drain = asyncio.create_task(both.instance.drain(grace=0.1))
        code, message = await code_of(anext(stream))
        assert (code, "the instance stops" in message) == (Code.UNAVAILABLE, True)
        await drain
        assert held.ended == ["watch"]


async def test_the_drain_lets_a_stream_end(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        asked = asyncio.Event()

        async def slowly() -> Responses:
            yield text(1)
            await asked.wait()
            yield text(2)

        stream = both.client.chat(slowly())
        await anext(stream)
        drain = asyncio.create_task(both.instance.drain(grace=5.0))
        await asyncio.sleep(0)
        asked.set()
        assert await values(stream) == ["2"]
        await drain


async def test_a_handler_that_goes_on_although_it_was_cancelled_is_reported(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    go = asyncio.Event()

    async def stubborn(request: StringValue, context: CallContext) -> Responses:
        yield request
        while not go.is_set():
            with suppress(asyncio.CancelledError):
                await go.wait()

    caplog.set_level(logging.WARNING, "protonats")
    async with pair(nats.url, Streams(watch=stubborn)) as both:
        async for _ in both.client.watch(text("")):
            break
        await eventually(lambda: "the handler of Watch goes on" in caplog.text)
        go.set()


async def test_nothing_is_dropped_by_calls_that_end_well(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        await values(both.client.chat(each(1, 2)))
        await both.client.ingest(each(*range(2_000)))
        await values(both.client.watch(text(2_000)))
        assert [dropped(connection) for connection in both.connections] == [{}, {}]
