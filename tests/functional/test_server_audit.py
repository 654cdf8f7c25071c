"""Calls of methods that leave a record in the audit trail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from nats.js import JetStreamContext

from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats, LocalPlatform
from tests.functional.echo import (
    EchoClient,
    EchoMethods,
    EchoServer,
    calling,
    dropped,
    eventually,
    serving,
)
from tests.functional.policies import echo_with
from tests.functional.streams import Streams, pair, values

pytestmark = pytest.mark.anyio

STREAM = "AUDIT"


@pytest.fixture(scope="module")
def storing() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
async def trail(storing: EmbeddedNats) -> Any:
    """The stream of records, empty."""
    async with calling(storing.url) as client:
        jetstream: JetStreamContext = client._connection.jetstream
        await jetstream.add_stream(name=STREAM, subjects=["audit.>"])
        yield jetstream
        await jetstream.delete_stream(STREAM)


async def said(request: StringValue, context: CallContext) -> StringValue:
    if request.value == "refused":
        raise StatusError(Code.PERMISSION_DENIED, "not for you")
    return request


async def records(jetstream: JetStreamContext) -> list[tuple[str, dict[str, Any]]]:
    """Subject and content of each record."""
    last = (await jetstream.stream_info(STREAM)).state.last_seq
    messages = [await jetstream.get_msg(STREAM, number) for number in range(1, last + 1)]
    return [(str(one.subject), json.loads(one.data or b"")) for one in messages]


async def test_each_call_leaves_a_record(storing: EmbeddedNats, trail: JetStreamContext) -> None:
    async with (
        calling(storing.url) as client,
        serving(storing.url, echo_with(said, audit=True)) as (instance, _),
    ):
        await client.say(StringValue(value="hello"))
        with pytest.raises(StatusError, match="not for you"):
            await client.say(StringValue(value="refused"))

    # The instance has ended, and wrote its records before.
    (one_subject, one), (_, other) = await records(trail)
    assert one_subject == "audit.echo.say"
    assert re.fullmatch(r"[0-9a-f]{32}", one.pop("call_id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one.pop("time"))
    assert one == {
        "method": f"{EchoServer.__protonats__.full_name}.Say",
        "version": "1.2.0",
        "caller": "caller",
        "code": 0,
        "status": "OK",
        "instance": instance.id,
    }
    assert (other["code"], other["status"]) == (7, "PERMISSION_DENIED")


async def test_a_call_of_another_method_leaves_none(
    storing: EmbeddedNats, trail: JetStreamContext
) -> None:
    async with calling(storing.url) as client, serving(storing.url, echo_with(said)):
        await client.say(StringValue(value="hello"))

    assert await records(trail) == []


async def test_a_record_that_is_lost_is_counted_and_logged_and_fails_no_call(
    storing: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(connection: Connection) -> bool:
        return dropped(connection).get("audit") == 1

    async with (
        calling(storing.url) as client,
        serving(storing.url, echo_with(said, audit=True)) as (_, connection),
    ):
        assert (await client.say(StringValue(value="hello"))).value == "hello"
        await eventually(lambda: lost(connection))

    (line,) = [one.getMessage() for one in caplog.records if "audit" in one.getMessage()]
    assert line.startswith("an audit record is lost, no stream ")
    assert '"caller": "caller"' in line


async def test_a_stream_leaves_one_record(storing: EmbeddedNats, trail: JetStreamContext) -> None:
    class Audited(Streams):
        __protonats__: ClassVar = replace(
            EchoServer.__protonats__, methods=(replace(EchoMethods.watch, audit=True),)
        )

    async with pair(storing.url, Audited()) as both:
        assert await values(both.client.watch(StringValue(value="3"))) == ["0", "1", "2"]

    ((subject, record),) = await records(trail)
    assert subject == "audit.echo.watch"
    assert (record["caller"], record["status"]) == ("caller", "OK")


async def test_the_platform_of_tests_stores_records(caplog: pytest.LogCaptureFixture) -> None:
    async with LocalPlatform(echo_with(said, audit=True)) as platform:
        connection = platform.connection
        await EchoClient(connection).say(StringValue(value="hello"))

    assert "audit" not in caplog.text
