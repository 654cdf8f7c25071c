"""Calls that fail and are made again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._info import IdempotencyInfo, RetryInfo
from protonats._wire import headers
from protonats.call_info import CallInfo
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually
from tests.functional.shop import buy, customer, failure, metric, ok, shop

pytestmark = pytest.mark.anyio

REFUSED = failure(Code.RESOURCE_EXHAUSTED, unhandled=True)
REQUEST = StringValue(value="hat")


async def test_a_call_waits_its_turn_where_an_instance_refused_it(nats: EmbeddedNats) -> None:
    info = CallInfo()
    async with shop(nats.url, REFUSED, REFUSED, ok("hat")) as served, customer(nats.url) as client:
        assert await client._unary(buy(), REQUEST, info=info) == REQUEST
        assert metric(client, "client_retries_total", reason="refused") == 2
        assert metric(client, "client_handled_total", code="OK") == 1
    ids = [call[3:35] for call in served.calls]
    assert len(set(ids)) == 3
    assert (info.attempts, info.call_id) == (3, ids[2])
    assert {request.body for request in served.requests} == {REQUEST.SerializeToString()}


async def test_attempts_end_with_the_last_status(nats: EmbeddedNats) -> None:
    method = buy(retry=RetryInfo(max_attempts=4, initial_backoff=0.001))
    async with shop(nats.url, REFUSED) as served, customer(nats.url) as client:
        with pytest.raises(StatusError, match="RESOURCE_EXHAUSTED: as told") as error:
            await client._unary(method, REQUEST)
    assert error.value.unhandled
    assert len(served.requests) == 4


@pytest.mark.parametrize(
    "answer", [failure(Code.RESOURCE_EXHAUSTED), failure(Code.UNAVAILABLE), failure(Code.INTERNAL)]
)
async def test_what_was_perhaps_handled_is_not_repeated(
    nats: EmbeddedNats, answer: tuple[bytes, bytes]
) -> None:
    async with shop(nats.url, answer) as served, customer(nats.url) as client:
        with pytest.raises(StatusError) as error:
            await client._unary(buy(), REQUEST)
    assert not error.value.unhandled
    assert len(served.requests) == 1


@pytest.mark.parametrize(("idempotent", "key"), [(True, None), (False, "order-7")])
async def test_unavailable_is_repeated_where_that_does_no_harm(
    nats: EmbeddedNats, idempotent: bool, key: str | None
) -> None:
    lost = failure(Code.UNAVAILABLE)
    async with shop(nats.url, lost, ok("hat")) as served, customer(nats.url) as client:
        method = buy(idempotent=idempotent, idempotency=IdempotencyInfo() if key else None)
        assert await client._unary(method, REQUEST, idempotency_key=key) == REQUEST
        assert metric(client, "client_retries_total", reason="unavailable") == 1
    lines = [headers.decode(request.headers).lines for request in served.requests]
    assert [line.get(headers.IDEMPOTENCY_KEY) for line in lines] == [key, key]
    caller = None if key is None else "customer"
    assert [line.get(headers.CALLER) for line in lines] == [caller, caller]


async def test_a_key_alone_does_not_make_a_method_repeatable(nats: EmbeddedNats) -> None:
    """A service whose schema does not name idempotency may keep no answers."""
    lost = failure(Code.UNAVAILABLE)
    async with shop(nats.url, lost, ok("hat")) as served, customer(nats.url) as client:
        with pytest.raises(StatusError):
            await client._unary(buy(), REQUEST, idempotency_key="order-7")
    assert len(served.requests) == 1


async def test_a_call_with_a_key_has_all_the_time_of_its_call(nats: EmbeddedNats) -> None:
    """The end of an attempt would cancel its handler, and the next one begin anew."""
    method = buy(retry=RetryInfo(attempt_timeout=0.05), idempotency=IdempotencyInfo())
    async with shop(nats.url, ok("hat")) as served, customer(nats.url) as client:
        await client._unary(method, REQUEST, idempotency_key="order-7")
    header = headers.decode(served.requests[0].headers).lines[headers.CALL]
    assert int(header[36:44], 16) > 1000


async def test_a_lost_attempt_is_made_again(nats: EmbeddedNats) -> None:
    """Its own time-out travels with it, so the instance gives it up as well."""
    method = buy(idempotent=True, retry=RetryInfo(initial_backoff=0.001, attempt_timeout=0.1))
    async with shop(nats.url, None, ok("hat")) as served, customer(nats.url) as client:
        assert await client._unary(method, REQUEST, timeout=5.0) == REQUEST
        assert metric(client, "client_retries_total", reason="attempt_timeout") == 1
    # The time left is rounded up to a millisecond.
    assert all(0 < int(call[36:44], 16) <= 101 for call in served.calls)


async def test_an_attempt_that_cannot_be_repeated_has_all_the_time_of_its_call(
    nats: EmbeddedNats,
) -> None:
    method = buy(retry=RetryInfo(attempt_timeout=0.001))
    async with shop(nats.url, ok("hat")) as served, customer(nats.url) as client:
        await client._unary(method, REQUEST, timeout=5.0)
    assert int(served.calls[0][36:44], 16) > 4000


async def test_the_service_says_when_to_come_back(nats: EmbeddedNats) -> None:
    busy = failure(Code.RESOURCE_EXHAUSTED, unhandled=True, delay=0.2)
    async with shop(nats.url, busy, ok("hat")), customer(nats.url) as client:
        began = time.monotonic()
        await client._unary(buy(), REQUEST)
        assert time.monotonic() - began >= 0.2


async def test_nothing_is_tried_that_would_come_after_the_deadline(nats: EmbeddedNats) -> None:
    busy = failure(Code.RESOURCE_EXHAUSTED, unhandled=True, delay=30.0)
    async with shop(nats.url, busy) as served, customer(nats.url) as client:
        began = time.monotonic()
        with pytest.raises(StatusError, match="as told"):
            await client._unary(buy(), REQUEST, timeout=20.0)
        assert time.monotonic() - began < 10.0
    assert len(served.requests) == 1


async def test_an_instance_that_comes_back_in_time_is_found(nats: EmbeddedNats) -> None:
    method = buy(retry=RetryInfo(max_attempts=5, initial_backoff=1.0))
    info = CallInfo()
    async with customer(nats.url) as client:
        call = asyncio.create_task(client._unary(method, REQUEST, timeout=20.0, info=info))
        await eventually(lambda: metric(client, "client_retries_total", reason="no_instance") > 0)
        async with shop(nats.url, ok("hat")):
            assert await call == REQUEST
    assert info.attempts >= 2


async def test_a_service_in_trouble_is_spared(nats: EmbeddedNats) -> None:
    """Ten retries to begin with, and one for every five calls."""
    method = buy(retry=RetryInfo(max_attempts=2, initial_backoff=0.001))
    async with shop(nats.url, REFUSED) as served, customer(nats.url) as client:
        for _ in range(50):
            with pytest.raises(StatusError):
                await client._unary(method, REQUEST)
        retries = metric(client, "client_retries_total")
        assert metric(client, "client_retry_budget_exhausted_total") == 50 - retries
    assert len(served.requests) == 50 + retries
    assert 19 <= retries <= 20


async def test_clients_of_a_connection_share_the_budget(nats: EmbeddedNats) -> None:
    method = buy(retry=RetryInfo(max_attempts=2, initial_backoff=0.001))
    async with shop(nats.url, REFUSED) as served, customer(nats.url) as client:
        for _ in range(50):
            with pytest.raises(StatusError):
                await type(client)(client._connection)._unary(method, REQUEST)
    assert len(served.requests) <= 70


async def test_a_call_without_a_deadline_says_so(nats: EmbeddedNats) -> None:
    async with shop(nats.url, ok("hat")) as served, customer(nats.url) as client:
        assert await client._unary(buy(timeout=None), REQUEST) == REQUEST
    assert served.calls[0][36:44] == "ffffffff"


async def test_what_comes_with_a_response_is_told(nats: EmbeddedNats) -> None:
    info = CallInfo()
    lines = {"cost": "7", headers.REPLAYED: "1"}
    async with shop(nats.url, ok("hat", lines)) as served, customer(nats.url) as client:
        assert await client._unary(buy(), REQUEST, info=info) == REQUEST
    assert info == CallInfo(
        call_id=served.calls[0][3:35], metadata={"cost": "7"}, attempts=1, replayed=True
    )


async def test_who_wants_to_be_left_alone_for_an_hour_is(nats: EmbeddedNats) -> None:
    later = failure(Code.UNAVAILABLE, unhandled=True, delay=3600)
    async with shop(nats.url, later, ok("hat")) as served, customer(nats.url) as client:
        async with asyncio.timeout(5):
            with pytest.raises(StatusError, match="as told"):
                await client._unary(buy(timeout=None), REQUEST)
    assert len(served.requests) == 1


async def test_a_lost_attempt_is_not_called_a_deadline_that_passed(nats: EmbeddedNats) -> None:
    retry = RetryInfo(max_attempts=2, initial_backoff=0.001, attempt_timeout=0.05)
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        with pytest.raises(StatusError) as error:
            await client._unary(buy(idempotent=True, retry=retry, timeout=60.0), REQUEST)
        assert error.value.code is Code.DEADLINE_EXCEEDED
        assert error.value.message == (
            "no answer from svc.shop.v1.buy within 0.05 s, the attempt_timeout of Buy"
        )
        with pytest.raises(StatusError, match="before the deadline"):
            await client._unary(buy(idempotent=True, retry=retry, timeout=0.02), REQUEST)
    assert len(served.requests) == 3


async def test_what_cannot_be_sent_whatever_one_waits_for_is_not_tried_again(
    nats: EmbeddedNats,
) -> None:
    method = replace(buy(), subject="svc.shop.v1.buy.{value}")
    info = CallInfo()
    async with customer(nats.url, wait_for_ready=True) as client:
        with pytest.raises(StatusError, match="has more than 2048 bytes") as error:
            await client._unary(method, StringValue(value="x" * 3000), info=info)
    assert (error.value.code, error.value.unhandled) == (Code.INVALID_ARGUMENT, False)
    assert info.attempts == 1
