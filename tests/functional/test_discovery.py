"""Discovery (ADR-32), asked for with nothing but a socket."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, calling, serving
from tests.functional.raw_nats import RawNats, raw_nats

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
    async with serving(nats.url, Echo()), raw_nats(nats.url) as raw:
        await raw.subscribe("svc.payment.v1.process")
        raw.publish("$SRV.PING.echo", b"", reply="svc.payment.v1.process")
        await ask(raw, "$SRV.PING.echo")
        raw.publish("svc.payment.v1.process", b"end")
        assert (await raw.receive()).body == b"end"
