"""The outgoing direction of a stream: what leaves together, and what makes a producer wait."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from protonats._streaming.counts import StreamCounts
from protonats._streaming.sender import Sender
from protonats._transport.transport import Transport
from protonats._wire import frames
from protonats.errors import Code, StatusError

pytestmark = pytest.mark.anyio


class Wire:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.max_payload = 1 << 20
        self.unsent = 0
        self.drained = asyncio.Event()
        self.sent: list[bytes] = []
        self.error: StatusError | None = None

    def publish(self, subject: str, body: bytes, **_: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(body)

    async def writable(self) -> None:
        await self.drained.wait()
        self.unsent = 0


class Writer:
    """A sender on such a transport, and what it told."""

    def __init__(self, *, messages: int = 10_000, size: int = 1 << 30) -> None:
        self.wire = Wire()
        self.counts = StreamCounts()
        self.failures: list[StatusError] = []
        transport = cast(Transport, self.wire)
        self.sender = Sender(transport, self.counts, 1 << 26, self.failures.append)
        self.sender.open("subject", messages, size)

    def numbers(self) -> list[list[int]]:
        """The numbers of the messages in each frame."""
        read = [frames.read_data(frame) for frame in self.wire.sent]
        return [list(range(first, first + len(messages))) for first, messages in read]


class Clock:
    """The time in seconds, which goes on by a step whenever somebody asks."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("protonats._streaming.sender.monotonic", clock)
    return clock


async def test_messages_with_pauses_between_them_leave_at_once(clock: Clock) -> None:
    writer, clock.step = Writer(), 0.001
    for number in range(1, 6):
        assert writer.sender.put(b"a")
        assert writer.numbers()[-1] == [number]


async def test_messages_of_one_turn_leave_together() -> None:
    writer = Writer()
    for _ in range(50):
        writer.sender.put(b"a")
    # The first two leave by themselves: only then can be told that they come close together.
    assert writer.numbers() == [[1], [2]]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert writer.numbers() == [[1], [2], [*range(3, 51)]]


async def test_messages_of_turns_that_follow_each_other_leave_together(clock: Clock) -> None:
    writer, clock.step = Writer(), 0.00001
    for _ in range(100):
        writer.sender.put(b"a")
        await asyncio.sleep(0)
    writer.sender.flush()
    numbers = writer.numbers()
    assert [number for frame in numbers for number in frame] == [*range(1, 101)]
    # 0.3 ms are 30 of these turns.
    assert 20 < max(map(len, numbers)) < 40


async def test_a_frame_is_not_longer_than_16_kib() -> None:
    writer = Writer()
    ready = [writer.sender.put(b"x" * 1_000) for _ in range(100)]
    writer.sender.flush()
    assert max(map(len, writer.wire.sent)) <= 16 * 1024 + frames.DATA_OVERHEAD
    assert len(writer.wire.sent) < 12
    assert not all(ready), "a producer that is always ready has to let others run"


async def test_a_producer_waits_for_credit() -> None:
    writer = Writer(messages=1)
    sender = writer.sender
    assert sender.put(b"a")
    assert not sender.put(b"b")
    waiting = asyncio.create_task(sender.ready())
    await asyncio.sleep(0)
    assert (writer.numbers(), sender.credit) == ([[1]], 0)
    sender.grant(2, 0)
    assert await waiting
    sender.flush()
    assert writer.numbers() == [[1], [2]]


async def test_a_producer_waits_for_the_socket() -> None:
    writer = Writer()
    writer.wire.unsent = 1 << 20

    async def produce() -> None:
        while writer.sender.put(b"x" * 1_000):
            pass
        await writer.sender.ready()

    producing = asyncio.create_task(produce())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not producing.done()
    writer.wire.drained.set()
    await producing


async def test_a_closed_sender_lets_its_producer_go() -> None:
    writer = Writer(messages=0)
    assert not writer.sender.put(b"a")
    waiting = asyncio.create_task(writer.sender.ready())
    await asyncio.sleep(0)
    writer.sender.close()
    assert not await waiting
    assert not writer.sender.put(b"b")
    assert (writer.wire.sent, len(writer.counts.open)) == ([], 0)


async def test_what_cannot_be_sent_is_told_once() -> None:
    writer = Writer()
    writer.wire.error = StatusError(Code.UNAVAILABLE, "no connection")
    writer.sender.put(b"a")
    writer.sender.put(b"b")
    assert writer.failures == [writer.wire.error]
    assert writer.sender.closed


async def test_a_message_that_is_too_long_is_refused() -> None:
    writer = Writer()
    with pytest.raises(StatusError, match="max_message_size") as error:
        writer.sender.put(bytes((1 << 26) + 1))
    assert error.value.code is Code.RESOURCE_EXHAUSTED
