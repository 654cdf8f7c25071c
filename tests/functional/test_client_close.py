"""What becomes of the handlers of calls whose connection is closed by its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats import connection as connections
from protonats._wire import headers, parts
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import EchoMethods, eventually
from tests.functional.policies import Gate
from tests.functional.raw_nats import raw_nats
from tests.functional.raw_streams import INSTANCE, RawInstance
from tests.functional.shop import buy, customer, failure, metric, shop
from tests.functional.streams import Held, StreamClient, Streams, code_of, each, pair, text, values

pytestmark = pytest.mark.anyio

REQUEST = StringValue(value="hat")

_STREAMS: dict[str, Callable[[StreamClient], Awaitable[object]]] = {
    "watch": lambda client: values(client.watch(text(""), timeout=60)),
    "ingest": lambda client: client.ingest(each(1), timeout=60),
    "chat": lambda client: values(client.chat(each(1), timeout=60)),
}


async def test_a_connection_that_is_closed_cancels_its_calls(nats: EmbeddedNats) -> None:
    async with (
        shop(nats.url, None) as served,
        customer(nats.url) as client,
        customer(nats.url) as other,
    ):
        calls = [asyncio.create_task(code_of(client._unary(buy(), REQUEST))) for _ in range(3)]
        kept = asyncio.create_task(other._unary(buy(), REQUEST))
        await eventually(lambda: len(served.requests) == 4)
        await client._connection.close()
        codes = {code for code, _ in await asyncio.gather(*calls)}
        assert codes == {Code.UNAVAILABLE}
        prefix = client._connection._calls.prefix
        mine = [
            call[3:35]
            for call, request in zip(served.calls, served.requests, strict=True)
            if request.reply.startswith(prefix)
        ]
        await eventually(lambda: sorted(served.cancelled) == sorted(mine))
        kept.cancel()
        await asyncio.wait((kept,))


async def test_a_drain_whose_time_is_over_cancels_what_still_runs(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_DRAIN_TIMEOUT", 0.05)
    gate, held = Gate(), Held()
    server = held.server()
    server.handler = gate
    async with pair(nats.url, server) as both:
        unary = asyncio.create_task(code_of(both.client.say(REQUEST, timeout=60)))
        streams = [asyncio.create_task(code_of(call(both.client))) for call in _STREAMS.values()]
        await eventually(lambda: (gate.running, held.begun) == (1, 3))
        await both.client._connection.drain()
        assert {code for code, _ in await asyncio.gather(unary, *streams)} == {Code.UNAVAILABLE}
        await eventually(lambda: sorted(held.ended) == ["chat", "ingest", "watch"])
        await eventually(lambda: gate.cancelled == 1)
        codes = both.rows("protonats_server_handled_total{")
        assert {row.partition(",")[0] for row in codes} == {
            'protonats_server_handled_total{code="CANCELLED"'
        }


@pytest.mark.parametrize("method", _STREAMS)
async def test_an_instance_whose_connection_is_closed_ends_its_streams(
    nats: EmbeddedNats, method: str
) -> None:
    held = Held()
    async with pair(nats.url, held.server()) as both:
        call = asyncio.create_task(code_of(_STREAMS[method](both.client)))
        await eventually(lambda: held.begun == 1)
        await both.server.close()
        code, message = await asyncio.wait_for(call, 5)
        assert (code, message) == (Code.UNAVAILABLE, "the other side closed its connection")
        await eventually(lambda: held.ended == [method])


async def test_a_stream_that_no_instance_has_accepted_is_cancelled_too(
    nats: EmbeddedNats,
) -> None:
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        await both.instance.drain(0)
        instance = RawInstance(raw)
        await instance.serve("watch")
        call = asyncio.create_task(code_of(values(both.client.watch(text("")))))
        await instance.take()
        await both.client._connection.close()
        assert (await call)[0] is Code.UNAVAILABLE
        assert await instance.cancellation() == f"01-{instance.call}-00000000"


async def test_a_large_response_that_is_under_way_is_cancelled_by_its_call_id(
    nats: EmbeddedNats,
) -> None:
    async with raw_nats(nats.url) as raw, customer(nats.url) as client:
        instance = RawInstance(raw)
        for subject in ("buy", f"_i.{INSTANCE}.*", "_cancel"):
            await raw.subscribe(f"svc.shop.v1.{subject}")
        call = asyncio.create_task(code_of(client._unary(buy(), REQUEST)))
        await instance.take()
        first = {parts.INSTANCE: INSTANCE, parts.PART: parts.encode_part(1000, 0)}
        instance.send(b"x" * 100, headers.encode(first))
        assert (await raw.receive()).subject == f"svc.shop.v1._i.{INSTANCE}.{instance.call}"
        await client._connection.close()
        assert (await call)[0] is Code.UNAVAILABLE
        assert await instance.cancellation() == f"01-{instance.call}-00000000"


async def test_a_caller_that_gives_up_while_the_connection_drains_cancels_its_call(
    nats: EmbeddedNats,
) -> None:
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        call = asyncio.create_task(client._unary(buy(), REQUEST))
        await eventually(lambda: len(served.requests) == 1)
        drain = asyncio.create_task(client._connection.drain())
        await asyncio.sleep(0)
        call.cancel()
        await drain
        await eventually(lambda: served.cancelled == [served.calls[0][3:35]])


async def test_what_is_no_call_is_not_cancelled(nats: EmbeddedNats) -> None:
    async with raw_nats(nats.url) as raw, customer(nats.url) as client:
        await raw.subscribe("evt.shop.v1.sold")
        connection: Connection = client._connection
        until = asyncio.get_running_loop().time() + 60
        request = connection._request("evt.shop.v1.sold", b"", b"", until)
        waiting = asyncio.create_task(code_of(request))
        await raw.receive()
        await connection.close()
        assert (await waiting)[0] is Code.UNAVAILABLE


async def test_a_stream_does_not_begin_on_a_connection_that_closes(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both:
        connection = both.client._connection
        await connection.close()
        with pytest.raises(StatusError, match="the connection is closing") as error:
            await anext(both.client.watch(text(1)))
        assert (error.value.code, error.value.unhandled) == (Code.UNAVAILABLE, True)


async def test_a_call_between_two_attempts_ends_with_the_connection(nats: EmbeddedNats) -> None:
    later = failure(Code.RESOURCE_EXHAUSTED, unhandled=True, delay=50)
    assert later is not None
    method = replace(EchoMethods.watch, timeout=60.0)
    async with (
        shop(nats.url, later) as served,
        customer(nats.url) as client,
        raw_nats(nats.url) as raw,
    ):
        instance = RawInstance(raw)
        await instance.serve("watch")
        stream = client._server_stream(method, REQUEST)
        calls = [
            asyncio.create_task(code_of(client._unary(buy(timeout=60.0), REQUEST))),
            asyncio.create_task(code_of(anext(stream))),
        ]
        await instance.take()
        instance.send(later[1], later[0])
        await eventually(lambda: len(served.requests) == 1)
        await eventually(lambda: metric(client, "client_retries_total") == 2)
        await client._connection.close()
        for call in calls:
            code, message = await asyncio.wait_for(call, 5)
            assert (code, message) == (Code.UNAVAILABLE, "the connection is closing")
