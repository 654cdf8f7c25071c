"""Streaming calls of a client that was written from the wire document alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import ErrorInfo

from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, dropped, eventually, serving
from tests.functional.policies import Gate
from tests.functional.streams import Held, Pair, Responses, Streams, pair, text
from tests.interop.node import Node, NodeError, node

pytestmark = [pytest.mark.anyio, pytest.mark.network]

SMALL = {"messages": 3, "bytes": 1000}
MEGABYTE = 1024 * 1024


async def fail(caller: Node, command: str, **arguments: Any) -> NodeError:
    """The status that a command fails with."""
    with pytest.raises(NodeError) as caught:
        await caller.do(command, name="call", **arguments)
    return caught.value


async def open_call(caller: Node, operation: str, **options: Any) -> None:
    """Opens a stream by the name `call`."""
    await caller.do("open", name="call", operation=operation, **options)


async def all_over(both: Pair) -> None:
    """Waits until nothing of the call is left at the instance, and nothing was dropped."""
    await eventually(lambda: not both.left())
    assert dropped(both.server) == {}


async def test_a_server_stream_brings_all_messages_metadata_and_trailers(
    caller: Node, nats: EmbeddedNats
) -> None:
    async def watch(request: StringValue, context: CallContext) -> Responses:
        context.response_metadata["cost"] = context.metadata["tenant"]
        for number in range(int(request.value)):
            yield text(number)
        context.trailers["left"] = "7"

    async with pair(nats.url, Streams(watch)) as both:
        await open_call(caller, "watch", first="20", metadata={"tenant": "acme"})
        read = await caller.do("read", name="call")
        assert read["values"] == [str(number) for number in range(20)]
        assert (read["metadata"], read["trailers"]) == ({"cost": "acme"}, {"left": "7"})
        await all_over(both)


async def test_the_instance_sends_no_more_than_its_credit(caller: Node, nats: EmbeddedNats) -> None:
    made = 0

    async def watch(request: StringValue, context: CallContext) -> Responses:
        nonlocal made
        for number in range(100):
            made += 1
            yield text(number)

    async with pair(nats.url, Streams(watch)) as both:
        await open_call(caller, "watch", first="x", window=SMALL)
        await eventually(lambda: made >= 3)
        first = await caller.do("read", name="call", count=1)
        assert first["values"] == ["0"]
        assert made < 10
        rest = await caller.do("read", name="call")
        assert rest["values"] == [str(number) for number in range(1, 100)]
        await all_over(both)


async def test_the_caller_sends_no_more_than_its_credit(caller: Node, nats: EmbeddedNats) -> None:
    gate = asyncio.Event()

    async def ingest(requests: Responses, context: CallContext) -> StringValue:
        await gate.wait()
        return text(",".join([request.value async for request in requests]))

    async with pair(nats.url, Streams(ingest=ingest), stream_messages=4) as both:
        await open_call(caller, "ingest", first="0")
        values = [str(number) for number in range(1, 50)]
        assert await caller.do("send", name="call", values=values[:3])
        sending = asyncio.create_task(caller.do("send", name="call", values=values[3:]))
        # Discovery takes a tenth of a second, in which all would have left.
        await caller.do("discover", verb="ping", name="echo")
        assert not sending.done()
        gate.set()
        assert await sending
        await caller.do("end", name="call")
        answer = await caller.do("single", name="call")
        assert answer["response"] == ",".join(["0", *values])
        await all_over(both)


async def test_a_client_stream_may_be_empty(caller: Node, nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        await open_call(caller, "ingest")
        await caller.do("end", name="call")
        assert (await caller.do("single", name="call"))["response"] == ""
        await all_over(both)


async def test_both_sides_talk_at_once(caller: Node, nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams(), stream_messages=2) as both:
        await open_call(caller, "chat", window=SMALL)
        for number in range(5):
            await caller.do("send", name="call", values=[str(number)])
            read = await caller.do("read", name="call", count=1)
            assert read["values"] == [str(number)]
        sending = asyncio.create_task(caller.do("send", name="call", values=["x"] * 50))
        assert (await caller.do("read", name="call", count=50))["values"] == ["x"] * 50
        assert await sending
        await caller.do("end", name="call")
        assert (await caller.do("read", name="call"))["values"] == []
        await all_over(both)


async def test_messages_in_parts_need_credit_for_bytes(caller: Node, nats: EmbeddedNats) -> None:
    value = "x" * (3 * MEGABYTE) + "y"
    window = {"messages": 2, "bytes": 100_000}
    async with pair(nats.url, Streams(), stream_bytes=100_000) as both:
        await open_call(caller, "chat", window=window)
        sending = asyncio.create_task(caller.do("send", name="call", values=[value, "", value]))
        read = await caller.do("read", name="call", count=3)
        assert read["values"] == [value, "", value]
        assert read["credits"] >= 3
        assert await sending
        await caller.do("end", name="call")
        assert (await caller.do("read", name="call"))["values"] == []
        await all_over(both)


async def test_a_status_ends_a_stream_after_its_messages(caller: Node, nats: EmbeddedNats) -> None:
    async def watch(request: StringValue, context: CallContext) -> Responses:
        yield text("one")
        context.trailers["left"] = "7"
        raise StatusError(Code.NOT_FOUND, "no such room", details=[ErrorInfo(reason="NO_ROOM")])

    async with pair(nats.url, Streams(watch)) as both:
        await open_call(caller, "watch", first="x")
        assert (await caller.do("read", name="call", count=1))["values"] == ["one"]
        error = await fail(caller, "read")
        assert (error.code, error.message) == (Code.NOT_FOUND, "no such room")
        (detail,) = error.details
        assert (detail["type"], detail["reason"]) == ("google.rpc.ErrorInfo", "NO_ROOM")
        assert error.trailers == {"left": "7"}
        await all_over(both)


async def test_the_instance_may_end_before_the_caller(caller: Node, nats: EmbeddedNats) -> None:
    async def chat(requests: Responses, context: CallContext) -> AsyncIterator[StringValue]:
        yield await anext(requests)

    async with pair(nats.url, Streams(chat=chat)) as both:
        await open_call(caller, "chat", first="hi")
        assert (await caller.do("read", name="call"))["values"] == ["hi"]
        assert not await caller.do("send", name="call", values=["more"])
        await all_over(both)


@pytest.mark.parametrize("how", ["cancel", "leave"])
@pytest.mark.parametrize("operation", ["watch", "chat"])
async def test_a_stream_that_is_given_up_is_cancelled(
    caller: Node, nats: EmbeddedNats, operation: str, how: str
) -> None:
    held = Held()
    async with pair(nats.url, held.server()) as both:
        await open_call(caller, operation, first="x")
        assert (await caller.do("read", name="call", count=1))["values"] == ["x"]
        await caller.do(how, name="call")
        await eventually(lambda: held.ended == [operation])
        await all_over(both)


async def test_the_deadline_ends_a_stream_on_both_sides(caller: Node, nats: EmbeddedNats) -> None:
    held = Held()
    async with pair(nats.url, held.server()):
        await open_call(caller, "watch", first="x", timeout=300)
        error = await fail(caller, "read")
        assert error.code == Code.DEADLINE_EXCEEDED
        await eventually(lambda: held.ended == ["watch"])


async def test_a_quiet_stream_is_kept_alive_by_both_sides(caller: Node, nats: EmbeddedNats) -> None:
    gate = asyncio.Event()

    async def watch(request: StringValue, context: CallContext) -> Responses:
        yield request
        await gate.wait()
        yield request

    async with pair(nats.url, Streams(watch), keepalive_interval=0.25):
        await open_call(caller, "watch", first="x", interval=250)
        await caller.do("read", name="call", count=1)
        # Either side gives up when the other is silent for three intervals.
        assert not (await caller.do("listen", name="call", keepalives=5))["over"]
        gate.set()
        assert (await caller.do("read", name="call"))["values"] == ["x"]


async def test_a_refused_stream_says_why(caller: Node, nats: EmbeddedNats) -> None:
    error = await fail(caller, "open", operation="watch", first="x", service="svc.nobody.v1")
    assert (error.code, error.unhandled) == (Code.UNAVAILABLE, True)
    held = Held()
    async with serving(nats.url, held.server(), max_in_flight=1):
        await caller.do("open", name="one", operation="watch", first="x")
        error = await fail(caller, "open", operation="watch", first="x")
        assert (error.code, error.unhandled) == (Code.RESOURCE_EXHAUSTED, True)
        await caller.do("cancel", name="one")
        await eventually(lambda: held.ended == ["watch"])


async def test_a_large_first_message_follows_in_parts(caller: Node, nats: EmbeddedNats) -> None:
    value = "x" * (2 * MEGABYTE)

    async def watch(request: StringValue, context: CallContext) -> Responses:
        yield text(len(request.value))

    async with pair(nats.url, Streams(watch), stream_bytes=100_000):
        await open_call(caller, "watch", first=value)
        assert (await caller.do("read", name="call"))["values"] == [str(2 * MEGABYTE)]
        await open_call(caller, "ingest", first=value)
        assert await caller.do("send", name="call", values=["end"])
        await caller.do("end", name="call")
        assert (await caller.do("single", name="call"))["response"] == f"{value},end"


@pytest.mark.parametrize("call", ["unary", "stream"])
async def test_a_lost_connection_ends_calls(main: Path, call: str) -> None:
    gate = Gate()
    held = Held()
    with EmbeddedNats() as server:
        async with (
            serving(server.url, held.server() if call == "stream" else Echo(gate)),
            node(main, server.url) as caller,
        ):
            if call == "stream":
                await open_call(caller, "chat", first="x")
                doing = caller.do("read", name="call", count=2)
            else:
                doing = caller.do("unary", name="call", operation="say", value="x")
            waiting = asyncio.create_task(doing)
            await eventually(lambda: held.begun == 1 or gate.running == 1)
            server.stop()
            with pytest.raises(NodeError) as caught:
                await waiting
            assert caught.value.code == Code.UNAVAILABLE
            error = await fail(caller, "unary", operation="say", value="x")
            assert error.code == Code.UNAVAILABLE
            server.start()
            gate.open.set()
