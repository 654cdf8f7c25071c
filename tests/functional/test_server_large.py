"""What an instance holds of large messages: how much, how long, and until when it drains."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.instance import Instance
from protonats._serving.large import LargeMessages
from protonats._transport.message import Message
from protonats._wire import headers, parts, status
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.server import CallContext
from protonats.testing import Clock, LocalPlatform
from tests.functional.echo import Echo

pytestmark = pytest.mark.anyio

SAY = "svc.echo.v1.say"
FIRST, SECOND = "1" * 32, "2" * 32


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def anyio_backend(clock: Clock) -> tuple[str, dict[str, Any]]:
    return clock.anyio_backend


class Raw:
    """A caller that sends large messages part by part, and the instance that it calls."""

    def __init__(self, connection: Connection, instance: Instance) -> None:
        self.instance = instance
        self.large: LargeMessages = instance._serving.large
        self._connection = connection

    async def begin(
        self, size: int, total: int, *, call: str = FIRST, milliseconds: int = 600_000
    ) -> Message:
        """The answer to the first part of a request."""
        value = f"01-{call}-{milliseconds:08x}"
        part = parts.encode_part(total, 0)
        return await self._ask(SAY, b"x" * size, {headers.CALL: value, parts.PART: part})

    async def go_on(self, offset: int, size: int, total: int, *, call: str = FIRST) -> Message:
        """The answer to another part."""
        lines = {parts.PART: parts.encode_part(total, offset)}
        return await self._ask(self._rest(call), b"x" * size, lines)

    async def fetch(self, offset: int, *, call: str = FIRST) -> Message:
        """A part of a response."""
        return await self._ask(self._rest(call), b"", {parts.FETCH: parts.encode_fetch(offset)})

    async def call(self, value: str, *, call: str = FIRST) -> Message:
        """The answer to a whole request."""
        body = StringValue(value=value).SerializeToString()
        return await self._ask(SAY, body, {headers.CALL: f"01-{call}-{600_000:08x}"})

    def _rest(self, call: str) -> str:
        return f"svc.echo.v1._i.{self.instance.id}.{call}"

    async def _ask(self, subject: str, body: bytes, lines: dict[str, str]) -> Message:
        until = asyncio.get_running_loop().time() + 1000
        return await self._connection._request(subject, body, headers.encode(lines), until)


@pytest.fixture
async def raw(clock: Clock) -> AsyncIterator[Raw]:
    async def say(request: StringValue, context: CallContext) -> StringValue:
        return StringValue(value="y" * 60_000) if request.value == "large" else request

    async with LocalPlatform(Echo(say), max_payload=16_384) as platform:
        [application] = platform.applications
        yield Raw(platform.connection, application.instances[0])


def error_of(answer: Message) -> StatusError | None:
    """The status of an answer, if it is one."""
    lines = answer.headers
    return status.decode(lines, answer.body) if headers.ERROR_CODE in lines else None


async def test_what_is_announced_takes_no_room(raw: Raw) -> None:
    raw.large._max_bytes = 10_000
    for call in (FIRST, SECOND):
        assert error_of(await raw.begin(100, 64 * 1024 * 1024, call=call)) is None
    assert len(raw.large) == 2


async def test_what_has_come_takes_room_until_its_call_ends(raw: Raw) -> None:
    raw.large._max_bytes = 16_000
    assert error_of(await raw.begin(3000, 50_000)) is None
    assert error_of(await raw.begin(3000, 50_000, call=SECOND)) is None
    error = error_of(await raw.go_on(3000, 3000, 50_000, call=SECOND))
    assert error is not None
    assert error.code is Code.RESOURCE_EXHAUSTED
    assert error.message == (
        "the instance holds 14192 bytes of large messages already, and no more than 16000 fit"
    )
    # Nothing was begun, so the call may be made again.
    assert error.unhandled
    assert len(raw.large) == 1
    assert error_of(await raw.go_on(3000, 3000, 50_000)) is None


async def test_beginnings_without_much_in_them_are_bounded_too(raw: Raw) -> None:
    raw.large._max_bytes = 10_000
    answers = [await raw.begin(1, 50_000, call=f"{number:032x}") for number in range(5)]
    codes = [None if error is None else error.code for error in map(error_of, answers)]
    assert codes == [None, None] + [Code.RESOURCE_EXHAUSTED] * 3


async def test_a_request_lives_as_long_as_parts_come(raw: Raw, clock: Clock) -> None:
    await raw.begin(100, 1000)
    for offset in (100, 200, 300):
        await clock.advance(29)
        assert error_of(await raw.go_on(offset, 100, 1000)) is None
    await clock.advance(29)
    assert len(raw.large) == 1
    await clock.advance(1.1)
    assert len(raw.large) == raw.large._bytes == 0
    error = error_of(await raw.go_on(400, 100, 1000))
    assert error is not None
    assert error.code is Code.DATA_LOSS


async def test_a_request_does_not_live_longer_than_its_call(raw: Raw, clock: Clock) -> None:
    await raw.begin(100, 1000, milliseconds=40_000)
    await clock.advance(20)
    await raw.go_on(100, 100, 1000)
    await clock.advance(19.9)
    assert len(raw.large) == 1
    await clock.advance(0.2)
    assert len(raw.large) == 0


async def test_a_response_lives_as_long_as_it_is_fetched(raw: Raw, clock: Clock) -> None:
    first = await raw.call("large")
    offset = len(first.body)
    for _ in range(2):
        await clock.advance(29)
        answer = await raw.fetch(offset)
        assert error_of(answer) is None
        offset += len(answer.body)
    assert len(raw.large) == 1
    await clock.advance(31)
    assert len(raw.large) == raw.large._bytes == 0


async def test_a_drain_ends_with_the_last_part_and_does_not_poll(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await raw.call("large")
    sleep = asyncio.sleep

    def counted(*arguments: Any) -> Any:
        if "_serving" in sys._getframe(1).f_globals["__name__"]:
            raise AssertionError("the instance polls")
        return sleep(*arguments)

    monkeypatch.setattr(asyncio, "sleep", counted)
    draining = asyncio.create_task(raw.instance.drain(grace=1000))
    offset = len(first.body)
    while offset < 60_004:
        assert not draining.done()
        answer = await raw.fetch(offset)
        assert error_of(answer) is None
        offset += len(answer.body)
    # The clock stands still: it is not the end of the grace period that ends it.
    await draining
