"""Messages that are well-formed and tell what cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2

from protonats._transport.message import Message
from protonats._wire import headers, status
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.faults.test_garbage_caller import caller
from tests.functional.echo import dropped
from tests.functional.raw_nats import RawNats, raw_nats
from tests.functional.raw_streams import INSTANCE
from tests.functional.streams import Streams, code_of, pair, text

pytestmark = pytest.mark.anyio


async def lie(raw: RawNats, lines: Mapping[str, str], body: bytes) -> None:
    """Answers the next call."""
    request = await raw.receive()
    raw.publish(request.reply, body, headers=headers.encode(lines))


async def test_parts_of_one_byte_cost_no_more_than_others(nats: EmbeddedNats) -> None:
    async with raw_nats(nats.url) as raw, caller(nats.url) as client:
        await raw.subscribe("svc.echo.v1.>")
        call = asyncio.create_task(code_of(client.say(text("hi"), timeout=0.5)))
        await lie(raw, {"Pn-Instance": INSTANCE, "Pn-Part": "04000000-00000000"}, b"\n")
        assert (await raw.receive()).headers.endswith(b"Pn-Fetch: 00000001\r\n\r\n")
        assert len(asyncio.all_tasks()) < 500
        assert (await call)[0] is Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize("seconds", [-5, 1 << 62, -(1 << 63)])
async def test_a_delay_that_cannot_be_is_none(nats: EmbeddedNats, seconds: int) -> None:
    delay = duration_pb2.Duration(seconds=seconds)
    error = StatusError(
        Code.UNAVAILABLE, "later", details=[error_details_pb2.RetryInfo(retry_delay=delay)]
    )
    lines, body = status.encode(error)
    async with raw_nats(nats.url) as raw, caller(nats.url) as client:
        await raw.subscribe("svc.echo.v1.say")
        call = asyncio.create_task(code_of(client.say(text("hi"), timeout=0.5)))
        await lie(raw, {**lines, "Pn-Unhandled": "1"}, body)
        assert (await call)[0] in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)


async def test_what_did_not_come_to_the_subject_cancels_nothing(nats: EmbeddedNats) -> None:
    async with pair(nats.url, Streams()) as both, raw_nats(nats.url) as raw:
        serving = both.instance._serving
        call_id = "0" * 32
        block = headers.encode({"Pn-Call": f"01-{call_id}-00000000"})
        for subject in ("evt.game.won.v1", "svc.other.v1._cancel", ""):
            serving.cancellations.receive(Message(subject, "", block, b""))
        assert dropped(both.server) == {"subject": 3}
        lines = {"Pn-Call": f"01-{call_id}-00001388"}
        answer = await raw.request("svc.echo.v1.say", b"\n\x02hi", headers=headers.encode(lines))
        assert answer.body == b"\n\x02hi"
