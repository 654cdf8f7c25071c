"""Calls that their caller gives up."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats.call_info import CallInfo
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, calling, eventually, serving
from tests.functional.raw_nats import raw_nats
from tests.functional.shop import buy, call_header, customer, ok, shop

pytestmark = pytest.mark.anyio

REQUEST = StringValue(value="hat")


async def test_cancelling_the_task_cancels_the_handler(nats: EmbeddedNats) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request: StringValue, context: CallContext) -> StringValue:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return request

    async with (
        serving(nats.url, Echo(wait)) as (instance, _),
        serving(nats.url, Echo(wait)),
        calling(nats.url) as client,
    ):
        call = asyncio.create_task(client.say(REQUEST, timeout=60.0))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(cancelled.wait(), 5.0)
        await eventually(lambda: instance.in_flight == 0)


async def test_a_time_out_of_the_callers_own_cancels_as_well(nats: EmbeddedNats) -> None:
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client._unary(buy(), REQUEST)
        await eventually(lambda: served.cancelled == [served.calls[0][3:35]])
        assert len(client._connection._calls) == 0


async def test_a_cancellation_is_written_as_the_protocol_says(nats: EmbeddedNats) -> None:
    async with (
        shop(nats.url, None) as served,
        raw_nats(nats.url) as tap,
        customer(nats.url) as client,
    ):
        await tap.subscribe("svc.shop.v1._cancel")
        call = asyncio.create_task(client._unary(buy(), REQUEST))
        await eventually(lambda: len(served.requests) == 1)
        call.cancel()
        message = await tap.receive()
        await asyncio.wait((call,))
    call_id = call_header(served.requests[0])[3:35]
    assert message.headers == f"NATS/1.0\r\nPn-Call: 01-{call_id}-00000000\r\n\r\n".encode()
    assert (message.reply, message.body) == ("", b"")


async def test_a_call_that_has_ended_cancels_nothing(nats: EmbeddedNats) -> None:
    async with (
        shop(nats.url, ok("hat"), None, ok("hat")) as served,
        customer(nats.url) as client,
    ):
        await client._unary(buy(), REQUEST)
        with pytest.raises(StatusError) as error:
            await client._unary(buy(), REQUEST, timeout=0.05)
        assert error.value.code is Code.DEADLINE_EXCEEDED
        await client._unary(buy(), REQUEST)
        await client._connection._transport.barrier()
    assert served.cancelled == []


async def test_cancelling_between_two_attempts_ends_the_call(nats: EmbeddedNats) -> None:
    async with customer(nats.url, wait_for_ready=True) as client:
        info = CallInfo()
        call = asyncio.create_task(client._unary(buy(), REQUEST, info=info))
        await eventually(lambda: info.attempts > 0 and len(client._connection._calls) == 0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert 'code="CANCELLED"' in client._connection.metrics.render().decode()
