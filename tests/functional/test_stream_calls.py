"""Streaming calls of all three kinds that go well."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterable, AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats import deadline
from protonats.errors import Code
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.streams import (
    Responses,
    Streams,
    code_of,
    count_up,
    each,
    pair,
    text,
    values,
)

pytestmark = pytest.mark.anyio

_COUNTS = (0, 1, 2, 5_000)


@pytest.mark.parametrize("count", _COUNTS)
async def test_a_server_stream_comes_whole_and_in_order(nats: EmbeddedNats, count: int) -> None:
    async with pair(nats.url, Streams()) as both:
        assert await values(both.client.watch(text(count))) == [*map(str, range(count))]


@pytest.mark.parametrize("count", _COUNTS)
async def test_a_client_stream_comes_whole_and_in_order(nats: EmbeddedNats, count: int) -> None:
    async with pair(nats.url, Streams()) as both:
        joined = await both.client.ingest(each(*range(count)))
    assert joined.value == ",".join(map(str, range(count)))


@pytest.mark.parametrize("count", _COUNTS)
async def test_a_bidirectional_stream_comes_whole_and_in_order(
    nats: EmbeddedNats, count: int
) -> None:
    async with pair(nats.url, Streams()) as both:
        assert await values(both.client.chat(each(*range(count)))) == [*map(str, range(count))]


async def test_both_sides_speak_in_turns(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        balls: asyncio.Queue[StringValue] = asyncio.Queue()

        async def play() -> Responses:
            while (ball := await balls.get()).value != "out":
                yield ball

        balls.put_nowait(text(0))
        seen = []
        async for ball in both.client.chat(play()):
            seen.append(int(ball.value))
            balls.put_nowait(text("out" if ball.value == "99" else int(ball.value) + 1))
    assert seen == list(range(100))


async def test_an_instance_may_answer_before_it_was_sent_anything(nats: EmbeddedNats) -> None:
    async def greet(requests: Responses, context: CallContext) -> Responses:
        yield text("hello")
        async for request in requests:
            yield request

    async with pair(nats.url, Streams(chat=greet)) as both:
        greeted = asyncio.Event()

        async def wait() -> Responses:
            await greeted.wait()
            yield text("bye")

        seen = []
        async for message in both.client.chat(wait()):
            seen.append(message.value)
            greeted.set()
    assert seen == ["hello", "bye"]


async def test_many_streams_run_at_once(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        calls = [values(both.client.chat(each(*range(number)))) for number in range(200)]
        for number, seen in enumerate(await asyncio.gather(*calls)):
            assert seen == [*map(str, range(number))]


@pytest.mark.parametrize("size", [1_048_500, 1_048_576, 3_000_000])
async def test_messages_larger_than_the_server_takes_go_in_parts(
    nats: EmbeddedNats, size: int
) -> None:
    async def double(request: StringValue, context: CallContext) -> Responses:
        yield request
        yield text("between")
        yield request

    large = "x" * size
    async with pair(nats.url, Streams(watch=double)) as both:
        assert await values(both.client.watch(text(large))) == [large, "between", large]
        assert await values(both.client.chat(each(1, large, 2))) == ["1", large, "2"]
        assert await values(both.client.chat(each(large, large))) == [large, large]
        assert (await both.client.ingest(each(large, "", large))).value == f"{large},,{large}"


async def test_a_message_over_the_limit_is_refused_by_its_sender(nats: EmbeddedNats) -> None:
    async def grow(request: StringValue, context: CallContext) -> Responses:
        yield text("small")
        yield text("x" * 3_000)

    async with pair(nats.url, Streams(watch=grow), max_message_size=2_000) as both:
        stream = both.client.watch(text(""))
        assert (await anext(stream)).value == "small"
        code, message = await code_of(anext(stream))
        assert (code, "may be sent" in message) == (Code.RESOURCE_EXHAUSTED, True)
        code, message = await code_of(both.client.ingest(each(1, "x" * 3_000)))
        assert (code, "may be sent" in message) == (Code.RESOURCE_EXHAUSTED, True)


async def test_metadata_and_trailers_travel_both_ways(nats: EmbeddedNats) -> None:
    contexts = []

    async def priced(requests: Responses, context: CallContext) -> Responses:
        contexts.append(context)
        context.response_metadata["cost"] = "3"
        async for request in requests:
            yield request
        context.trailers["left"] = "7"

    async with pair(nats.url, Streams(chat=priced)) as both:
        for requests in (each("a", "b"), each()):
            info = protonats.CallInfo()
            stream = both.client.chat(
                requests, metadata={"tenant": "acme"}, idempotency_key="k", info=info
            )
            await values(stream)
            assert (info.metadata, info.trailers) == ({"cost": "3"}, {"left": "7"})
            assert (info.attempts, info.instance) == (1, both.instance.id)
            assert info.call_id == contexts[-1].call_id
            assert contexts[-1].metadata == {"tenant": "acme"}
            assert contexts[-1].idempotency_key == "k"


@pytest.mark.parametrize("where", ["response_metadata", "trailers"])
async def test_metadata_that_cannot_travel_are_a_defect_of_the_handler(
    nats: EmbeddedNats, where: str
) -> None:
    async def bad(request: StringValue, context: CallContext) -> Responses:
        getattr(context, where)["Bad"] = "1"
        yield request

    async with pair(nats.url, Streams(watch=bad)) as both:
        code, message = await code_of(values(both.client.watch(text(""))))
    assert (code, message[:14]) == (Code.INTERNAL, "internal error")


async def test_the_deadline_and_the_trace_are_inherited(nats: EmbeddedNats) -> None:
    async def left(request: StringValue, context: CallContext) -> Responses:
        assert context.deadline == deadline.current()
        yield text(deadline.remaining())
        yield text(deadline.current_trace())

    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with pair(nats.url, Streams(watch=left)) as both:
        until = asyncio.get_running_loop().time() + 2.0
        with deadline.scope(until, trace):
            remaining, seen = await values(both.client.watch(text("")))
    assert 1.0 < float(remaining) <= 2.0
    assert seen == trace


async def test_a_handler_may_give_any_iterator(nats: EmbeddedNats) -> None:
    class Twice(AsyncIterator[StringValue]):
        def __init__(self) -> None:
            self.left = 2

        async def __anext__(self) -> StringValue:
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return text(self.left)

    async def later(request: StringValue, context: CallContext) -> Responses:
        return count_up(request, context)

    async with pair(nats.url, Streams(watch=lambda request, context: Twice())) as both:
        assert await values(both.client.watch(text(""))) == ["1", "0"]
    async with pair(nats.url, Streams(watch=later)) as both:  # type: ignore[arg-type]
        assert await values(both.client.watch(text(2))) == ["0", "1"]


async def test_requests_may_come_from_any_iterable(nats: EmbeddedNats) -> None:
    class Numbers(AsyncIterable[StringValue]):
        def __aiter__(self) -> Responses:
            return each(1, 2)

    async with pair(nats.url, Streams()) as both:
        assert (await both.client.ingest(Numbers())).value == "1,2"


async def test_a_ready_producer_lets_others_run(nats: EmbeddedNats) -> None:
    async def endless(request: StringValue, context: CallContext) -> Responses:
        for number in itertools.count():
            yield text(number)

    async with pair(nats.url, Streams(watch=endless)) as both:
        stream = both.client.watch(text(""))
        for _ in range(10_000):
            await anext(stream)
        assert (await both.client.say(text("hi"))).value == "hi"
        await stream.aclose()


async def test_streams_are_counted(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        await values(both.client.chat(each(1, 2, 3)))
        await both.client.ingest(each(1, 2))
        for side in ("client", "server"):
            for method, sent, received in (("Chat", 3, 3), ("Ingest", 2, 1)):
                if side == "server":
                    sent, received = received, sent
                labels = f'{{method="{method}",service="acme.echo.v1.EchoService"}}'
                prefix = f"protonats_{side}_stream"
                assert both.rows(f"{prefix}_messages_sent_total{labels}")[0].endswith(f" {sent}.0")
                (row,) = both.rows(f"{prefix}_messages_received_total{labels}")
                assert row.endswith(f" {received}.0")
                assert both.rows(f"{prefix}_credit{labels}")[0].endswith(" 0.0")
                ok = labels.replace("{", '{code="OK",')
                assert both.rows(f"protonats_{side}_handled_total{ok}")[0].endswith(" 1.0")
