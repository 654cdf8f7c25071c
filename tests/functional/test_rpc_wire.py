"""The bytes on the wire, sent and read by a bare socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._wire import headers, status
from protonats.errors import Code
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, calling, dropped, eventually, serving
from tests.functional.raw_nats import RawMessage, raw_nats

pytestmark = pytest.mark.anyio

_VECTORS = Path(__file__).parents[2] / "docs" / "wire-vectors"
_UNARY = json.loads((_VECTORS / "unary.json").read_text())
_CALL_HEADER = json.loads((_VECTORS / "call-header.json").read_text())
_REPLIES = json.loads((_VECTORS / "subjects.json").read_text())["reply"]

_CALL = "Pn-Call: 01-00112233445566778899aabbccddeeff-00001388"
_HI = StringValue(value="hi").SerializeToString()


def block(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("NATS/1.0", *lines, "")).encode()


def code_of(answer: RawMessage) -> tuple[Code, str]:
    error = status.decode(headers.decode(answer.headers).lines, answer.body)
    return error.code, error.message


@pytest.mark.parametrize("vector", _UNARY["request"], ids=lambda vector: vector["name"])
async def test_the_requests_of_the_vectors_are_served(
    nats: EmbeddedNats, vector: dict[str, Any]
) -> None:
    echo, described = Echo(), vector["call"]
    async with serving(nats.url, echo), raw_nats(nats.url) as raw:
        answer = await raw.request(
            "svc.echo.v1.say",
            bytes.fromhex(vector["body"]),
            headers=bytes.fromhex(vector["headers"]),
        )
    assert (answer.headers, answer.body.hex()) == (b"", vector["body"])
    (context,) = echo.contexts
    assert context.call_id == described["call_id"]
    assert context.metadata == described["metadata"]
    assert context.idempotency_key == described["idempotency_key"]
    assert (context.trace is None) is (described["trace"] is None)


@pytest.mark.parametrize("vector", _UNARY["response"], ids=lambda vector: vector["name"])
async def test_the_responses_of_the_vectors_are_read(
    nats: EmbeddedNats, vector: dict[str, Any]
) -> None:
    async with calling(nats.url) as client, raw_nats(nats.url) as raw:
        await raw.subscribe("svc.echo.v1.say")
        call = asyncio.create_task(client.say(StringValue()))
        reply = (await raw.receive()).reply
        body, lines = bytes.fromhex(vector["body"]), bytes.fromhex(vector["headers"])
        raw.publish(reply, body, headers=lines)
        assert (await call).value == vector["value"]


async def test_a_request_without_any_header_is_served(nats: EmbeddedNats) -> None:
    echo = Echo()
    async with serving(nats.url, echo), raw_nats(nats.url) as raw:
        answer = await raw.request("svc.echo.v1.say", _HI)
    assert (answer.headers, answer.body) == (b"", _HI)
    assert len(echo.contexts[0].call_id) == 32


@pytest.mark.parametrize("vector", _CALL_HEADER["invalid"], ids=lambda vector: vector["value"])
async def test_a_call_header_that_cannot_be_read_is_answered(
    nats: EmbeddedNats, vector: dict[str, Any]
) -> None:
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        lines = block(f"Pn-Call: {vector['value']}")
        answer = await raw.request("svc.echo.v1.say", _HI, headers=lines)
    assert code_of(answer)[0] == vector["code"]


async def test_of_two_call_headers_the_first_counts(nats: EmbeddedNats) -> None:
    echo = Echo()
    async with serving(nats.url, echo), raw_nats(nats.url) as raw:
        lines = block(_CALL, "Pn-Call: nonsense", "tenant: acme", "tenant: other", "Unknown: x")
        answer = await raw.request("svc.echo.v1.say", _HI, headers=lines)
    assert (answer.headers, answer.body) == (b"", _HI)
    assert echo.contexts[0].metadata == {"tenant": "acme"}


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x05hi", b"\x0a\x01\xff"])
async def test_a_body_that_is_no_request_is_answered_and_the_service_stays_up(
    nats: EmbeddedNats, body: bytes
) -> None:
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        answer = await raw.request("svc.echo.v1.say", body)
        text = "the body cannot be read as google.protobuf.StringValue"
        assert code_of(answer) == (Code.INVALID_ARGUMENT, text)
        assert (await raw.request("svc.echo.v1.say", _HI)).body == _HI


async def test_a_subject_that_differs_from_the_request_is_refused(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        answer = await raw.request("svc.echo.v1.room.lobby", _HI)
    code, message = code_of(answer)
    assert code is Code.INVALID_ARGUMENT
    assert "field value of the request differs" in message


@pytest.mark.parametrize("key", ["x" * 129, "é"])
async def test_an_idempotency_key_that_cannot_be_read_is_refused(
    nats: EmbeddedNats, key: str
) -> None:
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        lines = block(_CALL, f"Pn-Idempotency-Key: {key}")
        answer = await raw.request("svc.echo.v1.say", _HI, headers=lines)
    assert code_of(answer)[0] is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("operation", ["watch", "ingest", "chat"])
async def test_a_stream_is_opened_with_the_header_that_says_so(
    nats: EmbeddedNats, operation: str
) -> None:
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        answer = await raw.request(f"svc.echo.v1.{operation}", _HI, headers=block(_CALL))
    code, message = code_of(answer)
    assert code is Code.INVALID_ARGUMENT
    assert "Pn-Stream" in message


# The server itself refuses to deliver some of the subjects; those are left to the unit tests.
@pytest.mark.parametrize(
    "reply",
    [
        vector["subject"]
        for vector in _REPLIES
        if not vector["allowed"] and not set(vector["subject"]) & set("*>")
    ],
)
async def test_nothing_is_ever_answered_outside_of_an_inbox(nats: EmbeddedNats, reply: str) -> None:
    echo = Echo()
    async with serving(nats.url, echo) as (_, connection), raw_nats(nats.url) as raw:
        if reply and ".." not in reply and not reply.endswith("."):
            await raw.subscribe(reply)
        raw.publish("svc.echo.v1.say", _HI, reply=reply, headers=block(_CALL))
        reason = "reply_subject" if reply else "no_reply"
        await eventually(lambda: dropped(connection) == {reason: 1})
        assert (await raw.request("svc.echo.v1.say", _HI)).body == _HI
    assert len(echo.contexts) == 1


@pytest.mark.parametrize(
    "lines",
    [
        b"N",
        b"NATS/1.0",
        b"NATS/1.0 \xff\xff\xff \xff\r\n\r\n",
        b"NATS/1.0 503 \xff\r\nx: y\r\n\r\n",
    ],
)
async def test_a_header_block_that_is_none_does_not_stop_the_service(
    nats: EmbeddedNats, lines: bytes
) -> None:
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        raw.publish("svc.echo.v1.say", _HI, reply="_INBOX.raw.x.y", headers=lines)
        assert (await raw.request("svc.echo.v1.say", _HI)).body == _HI


async def test_a_subject_that_is_no_utf8_does_not_stop_the_service(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()) as (_, connection), raw_nats(nats.url) as raw:
        raw.publish(b"svc.echo.v1.room.\xff", _HI, reply="_INBOX.raw.x.y")
        await eventually(lambda: dropped(connection) == {"malformed": 1})
        assert (await raw.request("svc.echo.v1.say", _HI)).body == _HI


async def test_a_stranger_cannot_pretend_that_nobody_is_there(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as client, raw_nats(nats.url) as raw:
        await raw.subscribe("svc.echo.v1.say")
        call = asyncio.create_task(client.say(StringValue()))
        raw.publish((await raw.receive()).reply, b"", headers=block("Status: 503"))
        assert await call == StringValue()


async def test_an_answer_that_comes_twice_counts_once(nats: EmbeddedNats) -> None:
    async with calling(nats.url) as client, raw_nats(nats.url) as raw:
        await raw.subscribe("svc.echo.v1.say")
        call = asyncio.create_task(client.say(StringValue()))
        reply = (await raw.receive()).reply
        raw.publish(reply, _HI)
        raw.publish(reply, b"\xff")
        raw.publish(reply.rpartition(".")[0] + ".unknown", b"\xff")
        assert (await call).value == "hi"
