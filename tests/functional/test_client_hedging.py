"""A second request while the first is late."""

from __future__ import annotations

import asyncio
import time

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._info import HedgingInfo, MethodInfo, RetryInfo
from protonats.call_info import CallInfo
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually
from tests.functional.shop import buy, customer, failure, metric, ok, shop

pytestmark = pytest.mark.anyio

REQUEST = StringValue(value="hat")


def read(
    *, delay: float, requests: int = 2, attempts: int = 1
) -> MethodInfo[StringValue, StringValue]:
    """A method that is hedged, and not retried besides unless told."""
    retry = RetryInfo(max_attempts=attempts, initial_backoff=0.01)
    hedging = HedgingInfo(delay=delay, max_attempts=requests)
    return buy(idempotent=True, retry=retry, hedging=hedging)


async def test_the_second_request_may_be_answered_first(nats: EmbeddedNats) -> None:
    info = CallInfo()
    async with shop(nats.url, None, ok("hat")) as served, customer(nats.url) as client:
        assert await client._unary(read(delay=0.02), REQUEST, info=info) == REQUEST
        assert metric(client, "client_hedges_total", method="Buy") == 1
        first, second = (call[3:35] for call in served.calls)
        await eventually(lambda: served.cancelled == [first])
    assert (info.attempts, info.call_id) == (2, second)


async def test_the_first_request_may_be_answered_while_the_second_runs(nats: EmbeddedNats) -> None:
    info = CallInfo()
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        call = asyncio.create_task(client._unary(read(delay=0.02), REQUEST, info=info))
        await eventually(lambda: len(served.requests) == 2)
        served.answer(1, ok("hat", {"from": "first", "Pn-Trailer-took": "long"}))
        assert await call == REQUEST
        first, second = (call[3:35] for call in served.calls)
        await eventually(lambda: served.cancelled == [second])
    assert (info.attempts, info.call_id, info.metadata) == (2, first, {"from": "first"})
    assert info.trailers == {"took": "long"}


async def test_an_answer_in_time_is_not_hedged(nats: EmbeddedNats) -> None:
    async with shop(nats.url, ok("hat")) as served, customer(nats.url) as client:
        for _ in range(5):
            await client._unary(read(delay=30.0), REQUEST)
        assert metric(client, "client_hedges_total") == 0
    assert len(served.requests) == 5
    assert served.cancelled == []


async def test_requests_are_bounded(nats: EmbeddedNats) -> None:
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        with pytest.raises(StatusError) as error:
            await client._unary(read(delay=0.01, requests=3), REQUEST, timeout=0.3)
        assert error.value.code is Code.DEADLINE_EXCEEDED
    assert len(served.requests) == 3


@pytest.mark.parametrize(
    "answer", [failure(Code.UNAVAILABLE), failure(Code.RESOURCE_EXHAUSTED, unhandled=True)]
)
async def test_a_failure_that_another_instance_may_not_have_sends_the_next_at_once(
    nats: EmbeddedNats, answer: tuple[bytes, bytes]
) -> None:
    async with shop(nats.url, answer, ok("hat")) as served, customer(nats.url) as client:
        began = time.monotonic()
        assert await client._unary(read(delay=4.0), REQUEST) == REQUEST
        assert time.monotonic() - began < 3.0
    assert len(served.requests) == 2


async def test_a_final_failure_ends_the_call(nats: EmbeddedNats) -> None:
    gone = failure(Code.NOT_FOUND)
    async with shop(nats.url, None, gone) as served, customer(nats.url) as client:
        with pytest.raises(StatusError, match="NOT_FOUND: as told"):
            await client._unary(read(delay=0.01, requests=5), REQUEST)
        await eventually(lambda: served.cancelled == [served.calls[0][3:35]])
    assert len(served.requests) == 2


async def test_a_failure_waits_for_the_requests_that_still_run(nats: EmbeddedNats) -> None:
    lost = failure(Code.UNAVAILABLE)
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        call = asyncio.create_task(client._unary(read(delay=0.01), REQUEST))
        await eventually(lambda: len(served.requests) == 2)
        served.answer(2, lost)
        served.answer(1, ok("hat"))
        assert await call == REQUEST


async def test_where_all_fail_the_last_failure_counts(nats: EmbeddedNats) -> None:
    async with shop(nats.url, failure(Code.UNAVAILABLE)) as served, customer(nats.url) as client:
        with pytest.raises(StatusError, match="UNAVAILABLE: as told"):
            await client._unary(read(delay=30.0, requests=3), REQUEST)
    assert len(served.requests) == 3


async def test_without_an_instance_there_is_nothing_to_hedge(nats: EmbeddedNats) -> None:
    async with customer(nats.url) as client:
        with pytest.raises(StatusError, match="no instance serves"):
            await client._unary(read(delay=30.0), REQUEST)
        assert metric(client, "client_hedges_total") == 0


async def test_a_round_that_failed_is_tried_again(nats: EmbeddedNats) -> None:
    lost = failure(Code.UNAVAILABLE)
    method = read(delay=30.0, attempts=2)
    info = CallInfo()
    async with shop(nats.url, lost, lost, ok("hat")), customer(nats.url) as client:
        assert await client._unary(method, REQUEST, info=info) == REQUEST
        assert metric(client, "client_retries_total", reason="unavailable") == 1
        assert metric(client, "client_hedges_total") == 1
    assert info.attempts == 3


async def test_an_empty_budget_leaves_the_first_request_alone(nats: EmbeddedNats) -> None:
    method = read(delay=0.01)
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        client._methods.get(method).budget.tokens = 0.0
        call = asyncio.create_task(client._unary(method, REQUEST))
        await eventually(lambda: metric(client, "client_retry_budget_exhausted_total") == 1)
        served.answer(1, ok("hat"))
        assert await call == REQUEST
        assert metric(client, "client_hedges_total") == 0


async def test_a_cancelled_call_cancels_all_its_requests(nats: EmbeddedNats) -> None:
    async with shop(nats.url, None) as served, customer(nats.url) as client:
        call = asyncio.create_task(client._unary(read(delay=0.01, requests=3), REQUEST))
        await eventually(lambda: len(served.requests) == 3)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await eventually(lambda: len(served.cancelled) == 3)
        assert set(served.cancelled) == {call[3:35] for call in served.calls}
        assert len(client._connection._calls) == 0
