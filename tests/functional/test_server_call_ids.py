"""Requests with the id of a call that is running."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from protonats._wire import headers, parts
from protonats.errors import Code
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually, serving
from tests.functional.policies import Answer, Gate, echo_with, raw_caller
from tests.functional.raw_nats import RawNats, raw_nats
from tests.functional.raw_streams import RawCaller as RawStreams
from tests.functional.raw_streams import announce, body, data, end
from tests.functional.streams import Streams

pytestmark = pytest.mark.anyio

TEXT = "there is a call with this id already"


async def test_the_second_request_is_refused_and_the_first_goes_on(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate)) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        call_id = caller.send("first")
        await eventually(lambda: gate.running == 1)
        second = await caller.call("second", call_id=call_id)
        assert (second.error.code, second.error.message) == (Code.INVALID_ARGUMENT, TEXT)
        # It can still be cancelled: nobody has taken its place.
        caller.cancel(call_id)
        await eventually(lambda: gate.cancelled == 1)
        await eventually(lambda: instance.in_flight == 0)
    assert gate.begun == ["first"]


async def test_a_call_that_waits_for_a_place_keeps_its_id(nats: EmbeddedNats) -> None:
    gate = Gate()
    async with (
        serving(nats.url, echo_with(gate), max_in_flight=1, max_queued=5) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        first = caller.send("first")
        await eventually(lambda: gate.running == 1)
        call_id = caller.send("second")
        await eventually(lambda: instance.queued == 1)
        assert (await caller.call("third", call_id=call_id)).error.message == TEXT
        assert instance.queued == 1
        caller.cancel(call_id)
        await eventually(lambda: instance.queued == 0)
        gate.open.set()
        assert (await caller.answer(first)).value == "first"
    assert gate.begun == ["first"]


async def test_an_id_is_free_again_when_its_call_has_ended(nats: EmbeddedNats) -> None:
    call_id = secrets.token_hex(16)
    async with serving(nats.url, echo_with()), raw_caller(nats.url) as caller:
        for value in ("a", "b"):
            assert (await caller.call(value, call_id=call_id)).value == value
            caller._answers.clear()


async def test_a_stream_is_not_taken_over(nats: EmbeddedNats) -> None:
    async with (
        serving(nats.url, Streams()) as (instance, _),
        raw_nats(nats.url) as one,
        raw_nats(nats.url) as other,
    ):
        caller = RawStreams(one)
        await caller.open("chat")
        answer = await _open(other, caller.follow.rpartition(".")[2])
        assert (answer.error.code, answer.error.message) == (Code.INVALID_ARGUMENT, TEXT)
        caller.send(data(1, "still here"))
        assert body("still here") in (await one.receive()).body
        caller.send(b"", end(1))
        assert b"Pn-End: 1" in (await one.receive()).headers
        await eventually(lambda: instance.in_flight == 0)


async def test_a_large_message_is_not_taken_over(nats: EmbeddedNats) -> None:
    gate = Gate()
    call_id = secrets.token_hex(16)
    async with (
        serving(nats.url, echo_with(gate)) as (instance, _),
        raw_caller(nats.url) as caller,
    ):
        caller.send("first", call_id=call_id)
        await eventually(lambda: gate.running == 1)
        part = parts.encode_part(300, 0)
        second = await caller.call("part", call_id=call_id, Pn_Part=part)
        assert second.error.message == TEXT
        assert len(instance._serving.large) == 0
        gate.open.set()
        await eventually(lambda: instance.in_flight == 0)
    assert gate.begun == ["first"]


async def _open(raw: RawNats, call_id: str) -> Answer:
    """The answer to a request that opens a stream."""
    lines = {headers.CALL: f"01-{call_id}-ffffffff", "Pn-Stream": announce()}
    reply = "_INBOX.raw.2.3"
    async with asyncio.timeout(5.0):
        message = await raw.request(
            "svc.echo.v1.chat", b"", reply=reply, headers=headers.encode(lines)
        )
    return Answer(headers.decode(message.headers).lines, message.body)
