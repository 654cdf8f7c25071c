"""Clients that wait for a connection and for an instance."""

from __future__ import annotations

import asyncio
import time

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._info import RetryInfo
from protonats.call_info import CallInfo
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually
from tests.functional.shop import buy, customer, failure, metric, ok, shop

pytestmark = pytest.mark.anyio

REQUEST = StringValue(value="hat")
ONCE = buy(retry=RetryInfo(max_attempts=1))


async def test_an_instance_that_comes_later_answers(nats: EmbeddedNats) -> None:
    info = CallInfo()
    async with customer(nats.url, wait_for_ready=True) as client:
        call = asyncio.create_task(client._unary(ONCE, REQUEST, timeout=30.0, info=info))
        await eventually(lambda: info.attempts >= 2)
        async with shop(nats.url, ok("hat")):
            assert await call == REQUEST
        assert metric(client, "client_retries_total") == 0


async def test_a_server_that_comes_back_is_used_at_once() -> None:
    with EmbeddedNats() as server:
        async with customer(server.url, wait_for_ready=True) as client:
            server.kill()
            await eventually(lambda: not client._connection.is_connected)
            call = asyncio.create_task(client._unary(ONCE, REQUEST, timeout=30.0))
            server.start()
            async with shop(server.url, ok("hat")):
                assert await call == REQUEST


async def test_without_it_a_call_without_connection_fails_at_once() -> None:
    with EmbeddedNats() as server:
        async with customer(server.url) as client:
            server.kill()
            await eventually(lambda: not client._connection.is_connected)
            with pytest.raises(StatusError, match="there is no connection to NATS") as error:
                await client._unary(buy(idempotent=True), REQUEST, timeout=30.0)
            assert error.value.code is Code.UNAVAILABLE
            assert error.value.unhandled
            assert metric(client, "client_retries_total") == 0


async def test_a_repeatable_call_survives_a_restart() -> None:
    info = CallInfo()
    with EmbeddedNats() as server:
        async with customer(server.url, wait_for_ready=True) as client:
            async with shop(server.url, None) as served:
                method = buy(idempotent=True)
                call = asyncio.create_task(client._unary(method, REQUEST, timeout=30.0, info=info))
                await eventually(lambda: len(served.requests) == 1)
                server.kill()
            server.start()
            async with shop(server.url, ok("hat")):
                assert await call == REQUEST
            assert metric(client, "client_retries_total", reason="unavailable") == 1


async def test_the_wait_ends_at_the_deadline(nats: EmbeddedNats) -> None:
    async with customer(nats.url, wait_for_ready=True) as client:
        began = time.monotonic()
        with pytest.raises(StatusError) as error:
            await client._unary(ONCE, REQUEST, timeout=0.3)
        assert 0.3 <= time.monotonic() - began < 5.0
    assert error.value.code is Code.DEADLINE_EXCEEDED
    assert error.value.message == (
        "no instance serves svc.shop.v1.buy, and that did not change before the deadline"
    )


async def test_the_wait_ends_when_the_connection_is_closed() -> None:
    with EmbeddedNats() as server:
        async with customer(server.url, wait_for_ready=True) as client:
            server.kill()
            await eventually(lambda: not client._connection.is_connected)
            call = asyncio.create_task(client._unary(ONCE, REQUEST, timeout=60.0))
            await asyncio.sleep(0)
            await client._connection.close()
            with pytest.raises(StatusError, match="UNAVAILABLE"):
                await asyncio.wait_for(call, 5.0)


async def test_other_failures_are_final_all_the_same(nats: EmbeddedNats) -> None:
    async with (
        shop(nats.url, failure(Code.UNAVAILABLE)) as served,
        customer(nats.url, wait_for_ready=True) as client,
    ):
        with pytest.raises(StatusError, match="as told"):
            await client._unary(ONCE, REQUEST)
    assert len(served.requests) == 1
