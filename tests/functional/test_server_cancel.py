"""Calls that their caller gives up, and handlers that do not end."""

from __future__ import annotations

import asyncio
import logging
import secrets

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving import cancellations
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import calling, dropped, eventually, serving
from tests.functional.policies import Gate, echo_with, raw_caller
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


async def test_a_cancelled_call_cancels_its_handler(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with serving(nats.url, echo_with(gate)) as (instance, _), calling(nats.url) as client:
        call = asyncio.create_task(client.say(StringValue(value="x"), timeout=60.0))
        await eventually(lambda: gate.running == 1)
        call.cancel()
        await eventually(lambda: gate.cancelled == 1)
        await eventually(lambda: instance.in_flight == 0)
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_only_the_call_that_was_given_up_is_cancelled_and_nothing_is_answered(
    nats: EmbeddedNats,
) -> None:
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate)) as (instance, connection),
        raw_caller(nats.url) as caller,
    ):
        given_up, other = caller.send("given up"), caller.send("other")
        await eventually(lambda: gate.running == 2)
        caller.cancel(given_up)
        await eventually(lambda: gate.cancelled == 1)
        gate.open.set()
        assert (await caller.answer(other)).value == "other"
        assert (await caller.call("next")).value == "next"
        assert given_up not in caller._answers
        assert b'code="CANCELLED"' in connection.metrics.render()
        await eventually(lambda: instance.in_flight == 0)


async def test_a_request_that_its_cancellation_has_overtaken_is_dropped(
    nats: EmbeddedNats,
) -> None:
    gate = Gate()
    gate.open.set()
    call_id = secrets.token_hex(16)
    async with (
        serving(nats.url, echo_with(gate)) as (instance, connection),
        raw_caller(nats.url) as caller,
    ):
        caller.cancel(call_id)
        await eventually(lambda: bool(instance._serving.cancellations._remembered))
        caller.send("too late", call_id=call_id)
        await eventually(lambda: dropped(connection) == {"cancelled": 1})
    assert gate.begun == []


async def test_what_is_remembered_is_bounded_in_number(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellations, "_MAX_REMEMBERED", 3)
    async with (
        serving(nats.url, echo_with()) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        remembered = instance._serving.cancellations._remembered
        ids = [secrets.token_hex(16) for _ in range(10)]
        for one in ids:
            caller.cancel(one)
        await eventually(lambda: list(remembered) == ids[-3:])


async def test_what_is_remembered_is_forgotten_by_itself(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellations, "_KEEP", 0.05)
    async with (
        serving(nats.url, echo_with()) as (instance, connection),
        raw_caller(nats.url) as caller,
    ):
        remembered = instance._serving.cancellations._remembered
        for _ in range(3):
            caller.cancel(secrets.token_hex(16))
        await eventually(lambda: len(remembered) == 3)
        await eventually(lambda: not remembered)
        caller.cancel(secrets.token_hex(16))
        await eventually(lambda: len(remembered) == 1)
    # Nothing is left of it when the instance is gone.
    assert not remembered
    assert len(connection._timers) == 0


async def test_garbage_on_the_private_subjects_is_dropped_and_counted(nats: EmbeddedNats) -> None:
    async with (
        serving(nats.url, echo_with()) as (instance, connection),
        raw_nats(nats.url) as raw,
    ):
        raw.publish("svc.echo.v1._cancel", b"")
        raw.publish("svc.echo.v1._cancel", b"x", headers=b"NATS/1.0\r\nPn-Call: 01-zz\r\n\r\n")
        subject = f"svc.echo.v1._i.{instance.id}.{'0' * 32}"
        raw.publish(subject, b"\x01\x00")
        await eventually(lambda: dropped(connection) == {"malformed": 2, "unknown_call": 1})
        answer = await raw.request(subject, b"")
        assert b"Nats-Service-Error-Code: 15" in answer.headers
        raw.publish(subject, b"", reply="svc.payment.v1.process")
        await eventually(lambda: dropped(connection) == {"malformed": 2, "unknown_call": 3})


@pytest.mark.parametrize("end", ["deadline", "cancellation"])
async def test_a_handler_that_swallows_its_cancellation_is_reported(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    go = asyncio.Event()

    async def stubborn(request: StringValue, context: CallContext) -> StringValue:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue
        return request

    async with (
        serving(nats.url, echo_with(stubborn)) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        with caplog.at_level(logging.WARNING, "protonats"):
            call_id = caller.send("x", remaining_ms=50 if end == "deadline" else 60_000)
            await eventually(lambda: instance.in_flight == 1)
            if end == "cancellation":
                caller.cancel(call_id)
            await eventually(
                lambda: "the handler of Say goes on although it was cancelled" in caplog.text
            )
        assert caplog.records[-1].__dict__["call_id"] == call_id
        go.set()
        await eventually(lambda: instance.in_flight == 0)
