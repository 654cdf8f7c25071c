"""The circuit breaker in front of a method's calls; its rules are in `test_breaker.py`."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import RetryInfo as RetryDelay

from protonats._info import RetryInfo
from protonats.client import Client
from protonats.errors import Code, StatusError
from protonats.settings import BreakerSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually
from tests.functional.shop import buy, customer, failure, metric, ok, shop

pytestmark = pytest.mark.anyio

REQUEST = StringValue(value="hat")
METHOD = buy(retry=RetryInfo(max_attempts=1))
AWAY = failure(Code.UNAVAILABLE)
QUICK = BreakerSettings(open_time=0.1)
SLOW = BreakerSettings(open_time=60.0)


async def fail(client: Client, times: int = 1) -> StatusError:
    """Makes calls that fail, and returns the last failure."""
    for _ in range(times - 1):
        await fail(client)
    with pytest.raises(StatusError) as error:
        await client._unary(METHOD, REQUEST)
    return error.value


def state(client: Client) -> float:
    return metric(client, "client_breaker_state", service="acme.shop.v1.ShopService", method="Buy")


async def test_a_method_that_fails_is_left_alone(nats: EmbeddedNats) -> None:
    async with shop(nats.url, AWAY) as served, customer(nats.url, breaker=SLOW) as client:
        await fail(client, 20)
        assert state(client) == 2
        error = await fail(client)
    assert error.code is Code.UNAVAILABLE
    assert "the circuit breaker of acme.shop.v1.ShopService/Buy is open" in error.message
    (info,) = error.details
    assert isinstance(info, RetryDelay)
    assert 50 < info.retry_delay.ToSeconds() <= 60
    assert len(served.requests) == 20


async def test_other_methods_and_connections_go_on(nats: EmbeddedNats) -> None:
    async with (
        shop(nats.url, AWAY) as served,
        customer(nats.url, breaker=SLOW) as client,
        customer(nats.url, breaker=SLOW) as other,
    ):
        await fail(client, 21)
        served.reply = lambda number: ok("hat")
        assert await other._unary(METHOD, REQUEST) == REQUEST
        with pytest.raises(StatusError):
            await Client(client._connection)._unary(METHOD, REQUEST)


async def test_one_call_finds_out_whether_the_service_is_well_again(nats: EmbeddedNats) -> None:
    async with shop(nats.url, AWAY) as served, customer(nats.url, breaker=QUICK) as client:
        await fail(client, 20)
        served.reply = lambda number: None
        probe = asyncio.create_task(_once_let_through(client))
        await eventually(lambda: len(served.requests) == 21)
        assert state(client) == 1
        assert "is open" in (await fail(client)).message
        served.answer(21, ok("hat"))
        assert await probe == REQUEST
        assert state(client) == 0
        served.reply = lambda number: ok("hat")
        assert await client._unary(METHOD, REQUEST) == REQUEST


async def test_a_probe_that_fails_opens_it_again(nats: EmbeddedNats) -> None:
    async with shop(nats.url, AWAY) as served, customer(nats.url, breaker=QUICK) as client:
        await fail(client, 20)
        with pytest.raises(StatusError, match="as told"):
            await _once_let_through(client)
        assert state(client) == 2
    assert len(served.requests) == 21


async def test_a_probe_that_is_cancelled_leaves_its_place(nats: EmbeddedNats) -> None:
    async with shop(nats.url, AWAY) as served, customer(nats.url, breaker=QUICK) as client:
        await fail(client, 20)
        served.reply = lambda number: None if number == 21 else ok("hat")
        probe = asyncio.create_task(_once_let_through(client))
        await eventually(lambda: len(served.requests) == 21)
        probe.cancel()
        await asyncio.wait((probe,))
        assert await client._unary(METHOD, REQUEST) == REQUEST


@pytest.mark.parametrize("code", [Code.NOT_FOUND, Code.INTERNAL, Code.RESOURCE_EXHAUSTED])
async def test_answers_of_whatever_kind_and_cancelled_calls_open_nothing(
    nats: EmbeddedNats, code: Code
) -> None:
    async with (
        shop(nats.url, failure(code)) as served,
        customer(nats.url, breaker=SLOW) as client,
    ):
        await fail(client, 30)
        served.reply = lambda number: None
        calls = [asyncio.create_task(client._unary(METHOD, REQUEST)) for _ in range(50)]
        await eventually(lambda: len(served.requests) == 80)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        served.reply = lambda number: ok("hat")
        assert await client._unary(METHOD, REQUEST) == REQUEST


async def test_a_broken_connection_opens_nothing() -> None:
    with EmbeddedNats() as server:
        async with shop(server.url, None) as served, customer(server.url, breaker=SLOW) as client:
            calls = [asyncio.create_task(client._unary(METHOD, REQUEST)) for _ in range(50)]
            await eventually(lambda: len(served.requests) == 50)
            server.kill()
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert {error.code for error in results if isinstance(error, StatusError)} == {
            Code.UNAVAILABLE
        }
        assert len(results) == 50
        assert state(client) == 0


async def test_it_can_be_switched_off(nats: EmbeddedNats) -> None:
    async with shop(nats.url, AWAY) as served, customer(nats.url, breaker=None) as client:
        await fail(client, 50)
    assert len(served.requests) == 50


async def _once_let_through(client: Client) -> StringValue:
    while True:
        try:
            return await client._unary(METHOD, REQUEST)
        except StatusError as error:
            if "circuit breaker" not in error.message:
                raise
            await asyncio.sleep(0.005)
