"""Discovery (ADR-32), asked for with nothing but a socket."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._transport.message import Message
from protonats._wire import headers, status
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, calling, dropped, eventually, serving
from tests.functional.raw_nats import RawNats, raw_nats
from tests.functional.raw_streams import RawCaller
from tests.functional.streams import Streams

pytestmark = pytest.mark.anyio


async def ask(raw: RawNats, subject: str) -> dict[str, Any]:
    answer = await raw.request(subject, b"", reply="_INBOX.raw.discovery")
    assert answer.headers == b""
    response: dict[str, Any] = json.loads(answer.body)
    return response


async def test_an_instance_is_found_in_three_ways(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()) as (instance, _), raw_nats(nats.url) as raw:
        for verb in ("PING", "INFO", "STATS"):
            for suffix in ("", ".echo", f".echo.{instance.id}"):
                response = await ask(raw, f"$SRV.{verb}{suffix}")
                assert response["type"] == f"io.nats.micro.v1.{verb.lower()}_response"
                assert (response["name"], response["id"]) == ("echo", instance.id)
                assert response["version"] == "1.2.0"
        assert re.fullmatch("[0-9a-f]{16}", instance.id)


async def test_all_instances_answer(nats: EmbeddedNats) -> None:
    async with (
        serving(nats.url, Echo()) as (one, _),
        serving(nats.url, Echo()) as (two, _),
        raw_nats(nats.url) as raw,
    ):
        await raw.subscribe("_INBOX.raw.discovery")
        raw.publish("$SRV.PING", b"", reply="_INBOX.raw.discovery")
        found = {json.loads((await raw.receive()).body)["id"] for _ in range(2)}
        assert found == {one.id, two.id}


async def test_info_lists_what_is_served(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        info = await ask(raw, "$SRV.INFO.echo")
    endpoints = {endpoint["name"]: endpoint for endpoint in info["endpoints"]}
    assert list(endpoints) == ["say", "room", "watch", "ingest", "chat"]
    assert endpoints["room"] == {
        "name": "room",
        "subject": "svc.echo.v1.room.*",
        "queue_group": "q.echo",
        "metadata": {
            "protonats.kind": "unary",
            "protonats.request": "google.protobuf.StringValue",
            "protonats.response": "google.protobuf.Struct",
        },
    }
    assert endpoints["chat"]["metadata"]["protonats.kind"] == "bidi_stream"


async def test_what_a_caller_says_at_the_end_of_its_stream_is_one_short_line(
    nats: EmbeddedNats,
) -> None:
    async with (
        serving(nats.url, Streams()) as (instance, _),
        raw_nats(nats.url) as one,
        raw_nats(nats.url) as raw,
    ):
        caller = RawCaller(one)
        await caller.open("chat")
        error = StatusError(Code.ABORTED, "no\r\nmore " + "x" * 2000)
        lines, body = status.encode(error)
        caller.send(body, headers.encode(lines))
        await eventually(lambda: instance.in_flight == 0)
        stats = await ask(raw, "$SRV.STATS.echo")
    last_error = stats["endpoints"][-1]["last_error"]
    assert last_error.startswith("10: the caller ended the call: no  more xxx")
    assert len(last_error) == len("10: ") + 512


async def test_stats_count_calls_and_errors(nats: EmbeddedNats) -> None:
    async def sometimes(request: StringValue, context: CallContext) -> StringValue:
        if request.value == "no":
            raise StatusError(Code.NOT_FOUND, "none")
        return request

    async with (
        serving(nats.url, Echo(sometimes)),
        calling(nats.url) as client,
        raw_nats(nats.url) as raw,
    ):
        for _ in range(2):
            await client.say(StringValue(value="yes"))
        with pytest.raises(StatusError):
            await client.say(StringValue(value="no"))
        stats = await ask(raw, "$SRV.STATS.echo")
    say = stats["endpoints"][0]
    assert (say["num_requests"], say["num_errors"], say["last_error"]) == (3, 1, "5: none")
    assert say["average_processing_time"] == say["processing_time"] // 3 > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stats["started"])


async def test_an_instance_that_drained_is_not_found(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()) as (instance, _), raw_nats(nats.url) as raw:
        await instance.drain(grace=1.0)
        answer = await raw.request("$SRV.PING.echo", b"", reply="_INBOX.raw.discovery")
        assert answer.headers.startswith(b"NATS/1.0 503")


async def test_discovery_answers_inboxes_only(nats: EmbeddedNats) -> None:
    async with serving(nats.url, Echo()) as (_, connection), raw_nats(nats.url) as raw:
        await raw.subscribe("svc.payment.v1.process")
        raw.publish("$SRV.PING.echo", b"", reply="svc.payment.v1.process")
        raw.publish("$SRV.INFO", b"")
        await ask(raw, "$SRV.PING.echo")
        await eventually(lambda: dropped(connection) == {"reply_subject": 1, "no_reply": 1})
        raw.publish("svc.payment.v1.process", b"end")
        assert (await raw.receive()).body == b"end"


async def test_what_does_not_fit_its_subscription_is_dropped_and_counted(
    nats: EmbeddedNats,
) -> None:
    """A server does not do that; somebody between it and the instance may."""
    echo = Echo()
    async with serving(nats.url, echo) as (instance, connection):
        message = Message("svc.echo.v1.other", "_INBOX.raw.discovery", b"", b"")
        instance._reception.receive(instance.endpoints[0], message)
        instance._discovery._receive("PING", "$SRV.PING", message)
        assert dropped(connection) == {"subject": 2}
        assert instance.in_flight == 0


async def test_an_instance_leaves_discovery_before_it_stops_to_serve(nats: EmbeddedNats) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(request: StringValue, context: CallContext) -> StringValue:
        begun.set()
        await release.wait()
        return request

    async with (
        serving(nats.url, Echo(slow)) as (instance, _),
        calling(nats.url) as client,
        raw_nats(nats.url) as raw,
    ):
        call = asyncio.create_task(client.say(StringValue(value="last")))
        await begun.wait()
        draining = asyncio.create_task(instance.drain(grace=5.0))
        await eventually(lambda: not instance._discovery.subscriptions)
        answer = await raw.request("$SRV.PING.echo", b"", reply="_INBOX.raw.discovery")
        assert answer.headers.startswith(b"NATS/1.0 503")
        assert not draining.done()
        release.set()
        assert (await call).value == "last"
        await draining


async def test_an_answer_that_cannot_be_sent_is_counted(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    """For example the list of a service with thousands of methods."""

    class Large(Echo):
        __protonats__ = replace(Echo.__protonats__, description="x" * 2_000_000)

    async with serving(nats.url, Large()) as (_, connection), raw_nats(nats.url) as raw:
        raw.publish("$SRV.INFO.echo", b"", reply="_INBOX.raw.discovery")
        await eventually(lambda: dropped(connection) == {"answer": 1})
        await ask(raw, "$SRV.PING.echo")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
