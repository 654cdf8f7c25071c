"""How many calls run at once, and who waits."""

from __future__ import annotations

import asyncio

import pytest
from google.rpc.error_details_pb2 import RetryInfo

from protonats._info import ConcurrencyInfo
from protonats._wire import headers
from protonats.connection import Connection
from protonats.errors import Code
from protonats.testing import EmbeddedNats
from tests.functional.echo import dropped, eventually, serving
from tests.functional.policies import Gate, echo_with, raw_caller

pytestmark = pytest.mark.anyio


def metric(connection: Connection, name: str) -> float:
    """The value of a metric of the method, 0 where there is none."""
    for line in connection.metrics.render().decode().splitlines():
        if line.startswith(f"protonats_{name}{{"):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


async def test_a_method_runs_as_many_calls_at_once_as_its_schema_says(nats: EmbeddedNats) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=2, max_queued=10))
    async with serving(nats.url, server) as (instance, connection), raw_caller(nats.url) as caller:
        ids = [caller.send(str(number)) for number in range(6)]
        await eventually(lambda: instance.queued == 4)
        assert metric(connection, "server_queued") == 4
        assert gate.begun == ["0", "1"]
        gate.open.set()
        assert [(await caller.answer(one)).value for one in ids] == list("012345")
        assert gate.begun == list("012345")
        assert gate.most == 2
        await eventually(lambda: (instance.queued, instance.in_flight) == (0, 0))
        assert metric(connection, "server_queued") == 0


async def test_a_call_that_finds_no_place_is_told_when_to_come_back(nats: EmbeddedNats) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=1, max_queued=1))
    async with serving(nats.url, server) as (_, connection), raw_caller(nats.url) as caller:
        first, second = caller.send("1"), caller.send("2")
        refused = await caller.call("3")
        assert refused.error.code is Code.RESOURCE_EXHAUSTED
        assert "Say of this instance handles 1 calls already" in refused.error.message
        assert refused.lines[headers.UNHANDLED] == "1"
        [detail] = refused.error.details
        assert isinstance(detail, RetryInfo)
        assert 50 <= detail.retry_delay.ToMilliseconds() <= 2000
        assert metric(connection, "server_refused_total") == 1
        gate.open.set()
        assert (await caller.answer(first)).value == "1"
        assert (await caller.answer(second)).value == "2"
    assert gate.begun == ["1", "2"]


async def test_the_delay_follows_from_what_calls_took(nats: EmbeddedNats) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=1))
    async with serving(nats.url, server) as (instance, _), raw_caller(nats.url) as caller:
        instance.endpoints[0].stats.recent_seconds = 0.7
        caller.send("1")
        delay = (await caller.call("2")).error.details[0]
        assert isinstance(delay, RetryInfo)
        assert delay.retry_delay.ToMilliseconds() == 700
        gate.open.set()


async def test_a_service_has_places_and_a_queue_of_its_own(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate), max_in_flight=2, max_queued=2) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        ids = [caller.send(str(number)) for number in range(4)]
        refused = await caller.call("4")
        assert refused.error.code is Code.RESOURCE_EXHAUSTED
        assert "the instance handles 2 calls already, as many as it may, and 2 wait" in str(
            refused.error
        )
        assert instance.queued == 2
        gate.open.set()
        assert [(await caller.answer(one)).value for one in ids] == list("0123")
    assert gate.most == 2


async def test_a_call_waits_for_its_method_and_for_its_service(nats: EmbeddedNats) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=2, max_queued=2))
    async with (
        serving(nats.url, server, max_in_flight=1, max_queued=1) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        ids = [caller.send(str(number)) for number in range(4)]
        await eventually(lambda: instance.queued == 3)
        gate.open.set()
        assert [(await caller.answer(one)).value for one in ids] == list("0123")
        assert (await caller.call("again")).value == "again"
    assert gate.most == 1


async def test_a_call_that_waits_too_long_is_dropped_and_leaves_its_place(
    nats: EmbeddedNats,
) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=1, max_queued=1))
    async with serving(nats.url, server) as (instance, connection), raw_caller(nats.url) as caller:
        first = caller.send("1")
        caller.send("late", remaining_ms=30)
        await eventually(lambda: dropped(connection) == {"expired": 1})
        assert instance.queued == 0
        second = caller.send("2")
        await eventually(lambda: instance.queued == 1)
        gate.open.set()
        assert (await caller.answer(first)).value == "1"
        assert (await caller.answer(second)).value == "2"
    assert gate.begun == ["1", "2"]


async def test_a_call_that_waits_can_be_cancelled(nats: EmbeddedNats) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=1, max_queued=2))
    async with serving(nats.url, server) as (instance, _), raw_caller(nats.url) as caller:
        first, given_up, third = caller.send("1"), caller.send("2"), caller.send("3")
        await eventually(lambda: instance.queued == 2)
        caller.cancel(given_up)
        await eventually(lambda: instance.queued == 1)
        gate.open.set()
        assert (await caller.answer(first)).value == "1"
        assert (await caller.answer(third)).value == "3"
    assert gate.begun == ["1", "3"]


async def test_a_call_that_the_service_refuses_takes_no_place_of_its_method(
    nats: EmbeddedNats,
) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=2))
    async with (
        serving(nats.url, server, max_in_flight=1, max_queued=0) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        caller.send("1")
        for _ in range(3):
            refused = await caller.call("2")
            assert "the instance handles 1 calls already" in refused.error.message
        assert instance.endpoints[0].limit is not None
        assert instance.endpoints[0].limit.running == 1
        gate.open.set()


@pytest.mark.parametrize("end", ["deadline", "cancellation"])
async def test_a_call_that_leaves_the_queue_of_its_service_leaves_its_place_of_the_method(
    nats: EmbeddedNats, end: str
) -> None:
    gate = Gate()
    server = echo_with(gate, concurrency=ConcurrencyInfo(max_in_flight=2, max_queued=1))
    async with (
        serving(nats.url, server, max_in_flight=1, max_queued=1) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        first = caller.send("1")
        second = caller.send("2", remaining_ms=50 if end == "deadline" else 5000)
        third = caller.send("3")
        await eventually(lambda: instance.queued == 2)
        if end == "cancellation":
            caller.cancel(second)
        await eventually(lambda: instance.queued == 1)
        # The third call has left the queue of the method, where the fourth finds room.
        fourth = caller.send("4")
        await eventually(lambda: instance.queued == 2)
        gate.open.set()
        for call, value in ((first, "1"), (third, "3"), (fourth, "4")):
            assert (await caller.answer(call)).value == value
        await eventually(lambda: instance.in_flight == 0)
        assert instance.endpoints[0].limit is not None
        assert instance.endpoints[0].limit.running == 0


async def test_a_call_that_has_waited_can_still_be_cancelled(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate), max_in_flight=1, max_queued=1) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        first, second = caller.send("1"), caller.send("2", remaining_ms=600_000)
        await eventually(lambda: instance.queued == 1)
        caller.cancel(first)
        await eventually(lambda: gate.begun == ["1", "2"])
        caller.cancel(second)
        await eventually(lambda: gate.cancelled == 2)
        await eventually(lambda: instance.in_flight == 0)


async def test_calls_that_wait_when_the_instance_stops_may_go_elsewhere(
    nats: EmbeddedNats,
) -> None:
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate), max_in_flight=1, max_queued=5) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        running, waiting = caller.send("1"), caller.send("2")
        await eventually(lambda: instance.queued == 1)
        await instance.drain(grace=0)
        answer = await caller.answer(waiting)
        assert answer.error.code is Code.UNAVAILABLE
        assert answer.lines[headers.UNHANDLED] == "1"
        begun = await caller.answer(running)
        assert begun.error.code is Code.UNAVAILABLE
        assert headers.UNHANDLED not in begun.lines
    assert gate.begun == ["1"]


async def test_calls_that_wait_are_handled_within_the_grace_period(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate), max_in_flight=1, max_queued=5) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        ids = [caller.send(str(number)) for number in range(3)]
        await eventually(lambda: instance.queued == 2)
        draining = asyncio.create_task(instance.drain(grace=5.0))
        await eventually(lambda: not instance.serving)
        gate.open.set()
        await draining
        assert [(await caller.answer(one)).value for one in ids] == list("012")
