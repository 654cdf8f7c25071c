"""Iterables of requests that do not end as they should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._streaming import requests as request_rules
from protonats.errors import Code, StatusError
from protonats.testing import EmbeddedNats
from tests.functional.echo import EchoMethods, eventually
from tests.functional.streams import Held, Responses, code_of, pair, text, values

pytestmark = pytest.mark.anyio


class Stubborn:
    """Requests that go on although they were cancelled, until told."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.left = False

    async def orders(self) -> Responses:
        yield text("first")
        while not self.go.is_set():
            with suppress(asyncio.CancelledError):
                await self.go.wait()
        self.left = True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_rules, "_PATIENCE", 0.05)


@pytest.mark.usefixtures("impatient")
async def test_requests_that_do_not_end_are_named_and_keep_nobody_waiting(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    requests = Stubborn()
    async with pair(nats.url, Held().server()) as both:
        stream = both.client.chat(requests.orders(), timeout=0.1)
        async with asyncio.timeout(5):
            assert (await code_of(values(stream)))[0] is Code.DEADLINE_EXCEEDED
            # It is told once, and waited for once.
            await stream.aclose()
        assert [record.getMessage() for record in caplog.records] == [
            "the call of Chat has ended, and its requests go on 0.05 s later: Stubborn.orders does"
            " not end although it was cancelled"
        ]
        requests.go.set()
        await eventually(lambda: requests.left)


@pytest.mark.usefixtures("impatient")
async def test_closing_a_stream_does_not_wait_for_requests_without_end(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    requests = Stubborn()
    async with pair(nats.url, Held().server()) as both:
        stream = both.client.chat(requests.orders())
        await anext(stream)
        async with asyncio.timeout(5):
            await stream.aclose()
        assert "Stubborn.orders does not end" in caplog.text
        requests.go.set()
        await eventually(lambda: requests.left)


class _Cancelling:
    """An iterator, and no generator, that raises CancelledError after some requests."""

    def __init__(self, good: int) -> None:
        self._good = good

    def __aiter__(self) -> AsyncIterator[StringValue]:
        return self

    async def __anext__(self) -> StringValue:
        if self._good == 0:
            raise asyncio.CancelledError("of something else")
        self._good -= 1
        return text(self._good)


@pytest.mark.parametrize("good", [0, 2])
async def test_a_cancelled_error_of_the_requests_cancels_nobody_else(
    nats: EmbeddedNats, good: int
) -> None:
    held = Held()
    async with pair(nats.url, held.server()) as both:
        for call in (
            both.client.ingest(_Cancelling(good)),
            values(both.client.chat(_Cancelling(good))),
        ):
            with pytest.raises(StatusError, match="requests ended with CancelledError") as error:
                await call
            assert error.value.code is Code.CANCELLED
            assert isinstance(error.value.__cause__, asyncio.CancelledError)
        await eventually(lambda: len(held.ended) == held.begun)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.usefixtures("impatient")
async def test_a_first_request_that_never_comes_ends_with_the_deadline(nats: EmbeddedNats) -> None:
    go = asyncio.Event()

    async def never() -> Responses:
        while not go.is_set():
            with suppress(asyncio.CancelledError):
                await go.wait()
        yield text("too late")

    method = replace(EchoMethods.chat, subject="svc.echo.v1.chat.{value}")
    async with pair(nats.url, Held().server()) as both:
        stream = both.client._bidi_stream(method, never(), timeout=0.1)
        async with asyncio.timeout(5):
            assert (await code_of(anext(stream)))[0] is Code.DEADLINE_EXCEEDED
        go.set()
