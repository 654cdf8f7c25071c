"""Handlers that fail, and messages that do not fit: the caller always gets a status at once."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, calling, eventually, serving
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


async def _failure(client: EchoClient, value: str = "", timeout: float = 5.0) -> StatusError:
    with pytest.raises(StatusError) as error:
        await client.say(StringValue(value=value), timeout=timeout)
    return error.value


async def test_a_status_reaches_the_caller_with_its_details(nats: EmbeddedNats) -> None:
    detail = ErrorInfo(reason="NO_QUEST", domain="acme", metadata={"id": "q-1"})

    async def refuse(request: StringValue, context: CallContext) -> StringValue:
        raise StatusError(Code.NOT_FOUND, "no quest q-1", details=[detail])

    async with serving(nats.url, Echo(refuse)), calling(nats.url) as client:
        error = await _failure(client)
    assert (error.code, error.message) == (Code.NOT_FOUND, "no quest q-1")
    assert error.details == (detail,)


class Unexpected(BaseException):
    """Nothing that code for `Exception` would catch."""


@pytest.mark.parametrize(
    "defect",
    [
        ValueError("the password is hunter2"),
        asyncio.CancelledError("the password is hunter2"),
        SystemExit("the password is hunter2"),
        Unexpected("the password is hunter2"),
        TimeoutError("the password is hunter2"),
    ],
    ids=lambda defect: type(defect).__name__,
)
async def test_an_exception_nobody_expected_is_internal_and_leaks_nothing(
    nats: EmbeddedNats, defect: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def break_down(request: StringValue, context: CallContext) -> StringValue:
        if request.value == "break":
            raise defect
        return request

    async with serving(nats.url, Echo(break_down)), calling(nats.url) as client:
        with caplog.at_level(logging.ERROR, "protonats"):
            error = await _failure(client, "break")
        assert (await client.say(StringValue(value="on"))).value == "on"

    assert error.code is Code.INTERNAL
    match = re.fullmatch("internal error ([0-9a-f]{16})", error.message)
    assert match is not None
    (info,) = error.details
    assert isinstance(info, ErrorInfo)
    assert (info.reason, info.domain) == ("UNHANDLED_EXCEPTION", "protonats")
    assert dict(info.metadata) == {"error_id": match[1]}
    assert "hunter2" not in f"{error} {error.details}"
    (record,) = caplog.records
    assert match[1] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is defect
    fields = vars(record)
    assert fields["service"] == "echo"
    assert re.fullmatch("[0-9a-f]{16}", fields["instance"])
    assert re.fullmatch("[0-9a-f]{32}", fields["call_id"])


@pytest.mark.parametrize("response", [None, Struct(), "text"], ids=["None", "Struct", "str"])
async def test_a_response_of_the_wrong_type_is_internal(
    nats: EmbeddedNats, response: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(request: StringValue, context: CallContext) -> StringValue:
        return response  # type: ignore[no-any-return]

    async with serving(nats.url, Echo(answer)), calling(nats.url) as client:
        assert (await _failure(client)).code is Code.INTERNAL
    assert "instead of google.protobuf.StringValue" in caplog.text


async def test_details_that_are_no_messages_are_internal(nats: EmbeddedNats) -> None:
    async def refuse(request: StringValue, context: CallContext) -> StringValue:
        raise StatusError(Code.NOT_FOUND, details=["no message"])  # type: ignore[list-item]

    async with serving(nats.url, Echo(refuse)), calling(nats.url) as client:
        assert (await _failure(client)).code is Code.INTERNAL


async def test_a_status_too_large_for_the_server_arrives_without_its_details(
    nats: EmbeddedNats,
) -> None:
    async def refuse(request: StringValue, context: CallContext) -> StringValue:
        raise StatusError(Code.NOT_FOUND, "gone", details=[StringValue(value="x" * 2_000_000)])

    async with serving(nats.url, Echo(refuse)), calling(nats.url) as client:
        error = await _failure(client)
    assert (error.code, error.message, error.details) == (Code.NOT_FOUND, "gone", ())


async def test_the_header_block_counts_for_the_size_of_a_request(nats: EmbeddedNats) -> None:
    """The NATS server would close the connection; nats-py compares the body alone."""
    header = len(f"NATS/1.0\r\nPn-Call: 01-{'0' * 32}-00001388\r\n\r\n")
    async with (
        serving(nats.url, Echo()),
        calling(nats.url) as client,
        raw_nats(nats.url) as tap,
    ):
        await tap.subscribe("svc.echo.v1.say")
        empty = StringValue(value="x" * 1_000_000).ByteSize() - 1_000_000
        largest = "x" * (client._connection.max_payload - header - empty)
        for value in (largest, largest + "x"):
            assert (await client.say(StringValue(value=value))).value == value
        assert b"Pn-Part" not in (await tap.receive()).headers
        assert b"Pn-Part" in (await tap.receive()).headers
        assert client._connection.is_connected


async def test_a_full_instance_refuses_at_once_and_says_when_to_try_again(
    nats: EmbeddedNats,
) -> None:
    release = asyncio.Event()

    async def wait(request: StringValue, context: CallContext) -> StringValue:
        await release.wait()
        return request

    echo = Echo(wait)
    async with (
        serving(nats.url, echo, max_in_flight=3) as (instance, _),
        calling(nats.url) as client,
    ):
        calls = [asyncio.create_task(client.say(StringValue())) for _ in range(10)]
        await eventually(lambda: sum(call.done() for call in calls) == 7)
        assert instance.in_flight == 3
        release.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        refused = [result for result in results if isinstance(result, StatusError)]
    assert {error.code for error in refused} == {Code.RESOURCE_EXHAUSTED}
    assert isinstance(refused[0].details[0], RetryInfo)
    assert len(echo.contexts) == 3
    assert instance.in_flight == 0


async def test_a_service_survives_a_handler_that_fails_all_the_time(nats: EmbeddedNats) -> None:
    async def fail(request: StringValue, context: CallContext) -> StringValue:
        raise asyncio.CancelledError

    async with serving(nats.url, Echo(fail)), calling(nats.url) as client:
        errors = await asyncio.gather(*(_failure(client) for _ in range(100)))
    assert {error.code for error in errors} == {Code.INTERNAL}
