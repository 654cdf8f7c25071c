"""Handlers of streams that do something else than they should."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats.errors import Code
from protonats.server import CallContext
from protonats.testing import EmbeddedNats
from tests.functional.streams import (
    Responses,
    StreamClient,
    Streams,
    code_of,
    each,
    pair,
    text,
    values,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("call", "text_in_log"),
    [
        (
            lambda client: values(client.watch(text(""))),
            "the handler of Watch gave list, and has to be an asynchronous generator",
        ),
        (
            lambda client: client.ingest(each(1)),
            "the handler of Ingest gave StringValue, and has to be a coroutine function",
        ),
    ],
    ids=["watch", "ingest"],
)
async def test_a_handler_of_another_kind_is_named_in_the_log(
    nats: EmbeddedNats,
    caplog: pytest.LogCaptureFixture,
    call: Callable[[StreamClient], Awaitable[object]],
    text_in_log: str,
) -> None:
    class Wrong(Streams):
        def watch(self, request: StringValue, context: CallContext) -> Responses:
            return [request]  # type: ignore[return-value]

        def ingest(self, requests: Responses, context: CallContext) -> StringValue:  # type: ignore[override]
            return text("now")

    async with pair(nats.url, Wrong()) as both:
        assert (await code_of(call(both.client)))[0] is Code.INTERNAL
    assert text_in_log in caplog.text


@pytest.mark.parametrize("early", [True, False])
async def test_metadata_that_come_after_the_first_message_are_refused(
    nats: EmbeddedNats, early: bool
) -> None:
    refused: list[str] = []

    async def late(request: StringValue, context: CallContext) -> Responses:
        if early:
            context.response_metadata["place"] = "roof"
        yield request
        try:
            context.response_metadata["cost"] = "7"
        except RuntimeError as error:
            refused.append(str(error))
        if early:
            try:
                del context.response_metadata["place"]
            except RuntimeError as error:
                refused.append(str(error))
        context.trailers["left"] = "7"

    info = protonats.CallInfo()
    async with pair(nats.url, Streams(watch=late)) as both:
        assert await values(both.client.watch(text("a"), info=info)) == ["a"]
    assert (info.metadata, info.trailers) == ({"place": "roof"} if early else {}, {"left": "7"})
    assert len(refused) == (2 if early else 1)
    assert set(refused) == {
        "the metadata of a stream travel ahead of its first message, which has been sent: set them"
        " before, or set trailers"
    }
