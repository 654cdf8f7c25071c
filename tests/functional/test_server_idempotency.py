"""Calls with an idempotency key, over real Redis servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from protonats._info import Idempotency, IdempotencyInfo
from protonats._serving import idempotency
from protonats._wire import headers
from protonats.errors import Code, StatusError
from protonats.redis import connect_redis
from protonats.server import CallContext
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.echo import eventually, serving
from tests.functional.policies import Gate, RawCaller, echo_with, raw_caller
from tests.functional.redis_cluster import redis_cluster

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["one server", "cluster"])
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where Redis is."""
    if request.param == "cluster":
        with redis_cluster() as nodes:
            yield nodes[0].url.replace("redis://", "redis+cluster://")
    else:
        with EmbeddedRedis() as server:
            yield server.url


class Charges:
    """A handler that must not run twice, and how often it ran."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: StringValue, context: CallContext) -> StringValue:
        self.count += 1
        if request.value == "metadata":
            context.response_metadata["receipt"] = str(self.count)
            context.trailers["total"] = "7"
        if request.value == "broke":
            raise StatusError(Code.FAILED_PRECONDITION, "no money", details=[request])
        if request.value == "busy":
            raise StatusError(Code.UNAVAILABLE, "not now")
        if request.value == "elsewhere":
            error = StatusError(Code.NOT_FOUND, "of another service")
            error.method = "acme.bank.v1.BankService/Pay"
            raise error
        if request.value == "large":
            return StringValue(value="x" * (idempotency.MAX_ANSWER + 1))
        return StringValue(value=f"{request.value} {self.count}")


@asynccontextmanager
async def charging(
    nats: EmbeddedNats, url: str, charges: Charges, **policies: object
) -> AsyncIterator[RawCaller]:
    """Two instances that share a Redis, and a caller."""
    redis = await connect_redis(url)
    server = echo_with(charges, **policies)
    try:
        async with (
            serving(nats.url, server, redis=redis),
            serving(nats.url, server, redis=redis),
            raw_caller(nats.url) as caller,
        ):
            yield caller
    finally:
        await redis.aclose()


async def test_calls_with_one_key_are_one_call(nats: EmbeddedNats, redis_url: str) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        ids = [caller.send("x", Pn_Idempotency_Key="one") for _ in range(20)]
        answers = [await caller.answer(one) for one in ids]
        assert {answer.value for answer in answers} == {"x 1"}
        replayed = [answer.lines.get(headers.REPLAYED) for answer in answers]
        assert sorted(replayed, key=str) == ["1"] * 19 + [None]
        assert (await caller.call("x", Pn_Idempotency_Key="two")).value == "x 2"
        assert (await caller.call("x")).value == "x 3"


async def test_a_key_belongs_to_its_caller(nats: EmbeddedNats, redis_url: str) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        for number, name in enumerate(["a", "b"], 1):
            for _ in range(2):
                answer = await caller.call("x", Pn_Idempotency_Key="shared", Pn_Caller=name)
                assert answer.value == f"x {number}"
        answer = await caller.call("x", Pn_Idempotency_Key="shared", Pn_Caller="a.b")
        assert answer.error.code is Code.INVALID_ARGUMENT


async def test_a_key_belongs_to_its_request(nats: EmbeddedNats, redis_url: str) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        await caller.call("x", Pn_Idempotency_Key="request")
        answer = await caller.call("y", Pn_Idempotency_Key="request")
        assert answer.error.code is Code.INVALID_ARGUMENT
        assert "had another request" in answer.error.message
    assert charges.count == 1


async def test_final_statuses_are_kept_with_their_details(
    nats: EmbeddedNats, redis_url: str
) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        first = await caller.call("broke", Pn_Idempotency_Key="final")
        second = await caller.call("broke", Pn_Idempotency_Key="final")
        assert second.lines.pop(headers.REPLAYED) == "1"
        assert (second.lines, second.body) == (first.lines, first.body)
        assert second.error.details == (StringValue(value="broke"),)
    assert charges.count == 1


async def test_metadata_are_kept_too(nats: EmbeddedNats, redis_url: str) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        for _ in range(2):
            answer = await caller.call("metadata", Pn_Idempotency_Key="metadata")
            assert answer.lines["receipt"] == "1"
            assert answer.lines["Pn-Trailer-total"] == "7"


async def test_after_other_statuses_the_next_call_runs(nats: EmbeddedNats, redis_url: str) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        for _ in range(3):
            answer = await caller.call("busy", Pn_Idempotency_Key="again")
            assert answer.error.code is Code.UNAVAILABLE
            assert headers.REPLAYED not in answer.lines
    assert charges.count == 3


async def test_a_status_of_another_service_is_never_the_answer(
    nats: EmbeddedNats, redis_url: str
) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        for number in (1, 2):
            answer = await caller.call("elsewhere", Pn_Idempotency_Key="nested")
            assert answer.error.code is Code.INTERNAL
            assert charges.count == number


async def test_what_is_no_response_is_never_the_answer(nats: EmbeddedNats, redis_url: str) -> None:
    async def wrong(request: StringValue, context: CallContext) -> StringValue:
        return cast(StringValue, Int64Value(value=7))

    redis = await connect_redis(redis_url)
    async with (
        serving(nats.url, echo_with(wrong), redis=redis),
        raw_caller(nats.url) as caller,
    ):
        for _ in range(2):
            answer = await caller.call("x", Pn_Idempotency_Key="wrong")
            assert answer.error.code is Code.INTERNAL
    await redis.aclose()


async def test_an_answer_too_large_to_keep_does_not_run_the_call_again(
    nats: EmbeddedNats, redis_url: str
) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges) as caller:
        assert (await caller.call("large", Pn_Idempotency_Key="large")).value
        answer = await caller.call("large", Pn_Idempotency_Key="large")
        assert answer.error.code is Code.FAILED_PRECONDITION
        assert "too large to be kept" in answer.error.message
    assert charges.count == 1


async def test_an_answer_is_kept_for_its_time(nats: EmbeddedNats, redis_url: str) -> None:
    charges = Charges()
    async with charging(nats, redis_url, charges, idempotency=IdempotencyInfo(ttl=0.2)) as caller:
        await caller.call("x", Pn_Idempotency_Key="short")
        async with asyncio.timeout(5.0):
            while (await caller.call("x", Pn_Idempotency_Key="short")).value == "x 1":
                pass
    assert charges.count == 2


async def test_methods_without_side_effects_just_run(nats: EmbeddedNats, redis_url: str) -> None:
    charges = Charges()
    level = Idempotency.NO_SIDE_EFFECTS
    async with charging(nats, redis_url, charges, idempotency_level=level) as caller:
        for number in (1, 2):
            answer = await caller.call("x", Pn_Idempotency_Key="read")
            assert answer.value == f"x {number}"


async def test_a_call_waits_for_the_first_one_as_long_as_it_can(
    nats: EmbeddedNats, redis_url: str
) -> None:
    gate = Gate()
    redis = await connect_redis(redis_url)
    async with (
        serving(nats.url, echo_with(gate), redis=redis),
        raw_caller(nats.url) as caller,
    ):
        first = caller.send("x", Pn_Idempotency_Key="wait")
        await eventually(lambda: gate.running == 1)
        patient = caller.send("x", Pn_Idempotency_Key="wait")
        hasty = await caller.call("x", Pn_Idempotency_Key="wait", remaining_ms=200)
        assert hasty.error.code is Code.ABORTED
        gate.open.set()
        assert (await caller.answer(first)).value == "x"
        assert (await caller.answer(patient)).lines == {headers.REPLAYED: "1"}
    assert gate.begun == ["x"]
    await redis.aclose()
