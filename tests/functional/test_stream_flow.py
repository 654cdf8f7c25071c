"""Credit: a slow reader makes the writer wait, nothing is lost, and memory stays bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._info import MethodInfo
from protonats._wire import frames, headers
from protonats.errors import Code
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import EchoMethods, dropped, eventually
from tests.functional.raw_nats import raw_nats
from tests.functional.raw_streams import RawCaller, RawInstance, announce, body, data, end
from tests.functional.streams import Responses, Streams, code_of, each, pair, text, values

pytestmark = pytest.mark.anyio


class Producer:
    """Yields numbers, and says how far it has come."""

    def __init__(self, count: int, filling: str = "") -> None:
        self.count = count
        self.filling = filling
        self.made = 0

    async def __call__(self, *_: object) -> Responses:
        for number in range(self.count):
            self.made += 1
            yield text(f"{number}{self.filling}")


async def _read_slowly(stream: Responses, producer: Producer, lead: int) -> int:
    """Reads with pauses in which the writer may go as far as it can; how many have come."""
    taken = 0
    async for message in stream:
        assert message.value == f"{taken}{producer.filling}"
        taken += 1
        assert producer.made - taken <= lead
        if taken % 7 == 0:
            await asyncio.sleep(0)
    return taken


@pytest.mark.parametrize("window", [1, 2, 64])
async def test_a_writer_waits_for_its_reader(nats: EmbeddedNats, window: int) -> None:
    producer = Producer(1_000)
    async with pair(nats.url, Streams(watch=producer), stream_messages=window) as both:
        # One beyond the credit is in the writer's hand.
        taken = await _read_slowly(both.client.watch(text("")), producer, window + 1)
    assert taken == 1_000


async def test_a_writer_stops_when_nobody_reads(nats: EmbeddedNats) -> None:
    producer = Producer(1_000)
    async with pair(nats.url, Streams(watch=producer), stream_messages=10) as both:
        stream = both.client.watch(text(""))
        await anext(stream)
        await eventually(lambda: producer.made == 11)
        assert (await both.client.say(text("hi"))).value == "hi"
        assert producer.made == 11
        assert len(await values(stream)) == 999


async def test_bytes_are_bounded_as_well(nats: EmbeddedNats) -> None:
    producer = Producer(2_000, "x" * 10_000)
    async with pair(nats.url, Streams(watch=producer), stream_bytes=100_000) as both:
        taken = await _read_slowly(both.client.watch(text("")), producer, 13)
    assert taken == 2_000


async def test_a_message_beyond_all_credit_arrives(nats: EmbeddedNats) -> None:
    large = "x" * 5_000_000
    async with pair(nats.url, Streams(), stream_bytes=10, stream_messages=1) as both:
        assert await values(both.client.chat(each(large, "", large))) == [large, "", large]


async def test_a_slow_handler_makes_the_caller_wait(nats: EmbeddedNats) -> None:
    producer, go = Producer(1_000), asyncio.Event()

    async def slow(requests: Responses, context: CallContext) -> StringValue:
        await anext(requests)
        await go.wait()
        return text(1 + len(await values(requests)))

    async with pair(nats.url, Streams(ingest=slow), stream_messages=10) as both:
        call = asyncio.create_task(both.client.ingest(producer()))
        await eventually(lambda: producer.made == 11)
        assert (await both.client.say(text("hi"))).value == "hi"
        assert producer.made == 11
        go.set()
        assert (await call).value == "1000"


async def test_an_end_needs_no_credit(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        await both.instance.drain(0)
        instance = RawInstance(raw)
        await instance.serve("ingest")
        call = asyncio.create_task(both.client.ingest(each(1, 2)))
        await instance.accept(announce(messages=2))
        assert (await raw.receive()).body == data(2, "2")
        assert (await raw.receive()).headers == end(2)
        instance.send(data(1, "ok"))
        instance.send(b"", end(1))
        assert (await call).value == "ok"


async def test_credit_comes_in_any_order_and_never_shrinks(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams(), stream_messages=4) as both, raw_nats(nats.url) as raw:
        caller = RawCaller(raw)
        await caller.open("watch", header=announce(1, messages=0), content=body("6"))
        caller.send(frames.credit(3, 1000))
        caller.send(frames.credit(2, 10))
        seen: list[bytes] = []
        while len(seen) < 3:
            seen += frames.read_data((await raw.receive()).body)[1]
        assert both.instance.in_flight == 1
        caller.send(frames.credit(2**64 - 1, 2**64 - 1))
        while len(seen) < 6:
            seen += frames.read_data((await raw.receive()).body)[1]
        assert seen == [body(str(number)) for number in range(6)]
        assert (await raw.receive()).headers == end(6)
        assert dropped(both.server) == {}


async def test_messages_that_are_ready_leave_together(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()), raw_nats(nats.url) as raw:
        caller = RawCaller(raw)
        await caller.open("watch", header=announce(1), content=body("1000"))
        count, received = 0, 0
        while True:
            message = await raw.receive()
            if message.headers == end(1000):
                break
            assert len(message.body) <= 16 * 1024 + 13
            received += len(frames.read_data(message.body)[1])
            count += 1
    assert received == 1000
    assert count < 20


async def test_the_subject_may_say_what_the_request_is(nats: EmbeddedNats) -> None:
    """A method whose subject contains a field of its first message."""
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        await raw.subscribe("svc.echo.v1.rooms.*")
        client, room = both.client, _room()
        call = asyncio.create_task(client._client_stream(room, _slowly("lobby")))
        request = await raw.receive()
        assert request.subject == "svc.echo.v1.rooms.lobby"
        assert request.body == body("lobby")
        assert headers.decode(request.headers).lines["Pn-Stream"].startswith("1-")
        call.cancel()
        code, message = await code_of(client._client_stream(room, each()))
        assert (code, "was not called" in message) == (Code.INVALID_ARGUMENT, True)
        code, _ = await code_of(client._client_stream(room, each("a.b")))
        assert code is Code.INVALID_ARGUMENT


async def _slowly(value: str) -> Responses:
    for _ in range(20):
        await asyncio.sleep(0)
    yield text(value)


def _room() -> MethodInfo[StringValue, StringValue]:
    return replace(EchoMethods.ingest, subject="svc.echo.v1.rooms.{value}")
