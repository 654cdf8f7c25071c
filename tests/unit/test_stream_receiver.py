"""The incoming direction of a stream: what it accepts, holds and grants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue
from hypothesis import given
from hypothesis import strategies as st

from protonats._streaming.counts import StreamCounts
from protonats._streaming.receiver import Receiver
from protonats._wire import frames
from protonats.errors import Code, StatusError

pytestmark = pytest.mark.anyio


class Reader:
    """A receiver, and what it told."""

    def __init__(
        self,
        *,
        messages: int = 4,
        size: int = 1000,
        max_size: int = 10_000,
        check: Callable[[Any], None] | None = None,
    ) -> None:
        self.grants: list[tuple[int, int]] = []
        self.pauses = 0
        self.defects: list[StatusError] = []
        self.counts = StreamCounts()
        self.receiver = Receiver(
            BytesValue,
            self.counts,
            messages=messages,
            size=size,
            max_size=max_size,
            malformed=Code.INTERNAL,
            check=check,
            grant=lambda *grant: self.grants.append(grant),
            pause=self._pause,
            on_defect=self.defects.append,
        )

    def _pause(self) -> None:
        self.pauses += 1


def body(content: bytes) -> bytes:
    return BytesValue(value=content).SerializeToString()


def code_of(refused: Callable[..., None], *arguments: Any) -> Code:
    with pytest.raises(StatusError) as error:
        refused(*arguments)
    return error.value.code


async def test_messages_come_in_order_without_a_pause() -> None:
    reader = Reader()
    reader.receiver.data(frames.data(1, [body(b"a"), body(b"b")]))
    reader.receiver.end(2)
    assert [message.value async for message in reader.receiver] == [b"a", b"b"]
    assert (reader.pauses, reader.counts.received) == (0, 2)


async def test_the_reader_waits_for_a_message() -> None:
    reader = Reader()
    task = asyncio.create_task(anext(reader.receiver))
    await asyncio.sleep(0)
    assert reader.pauses == 1
    reader.receiver.data(frames.data(1, [body(b"a")]))
    assert (await task).value == b"a"


async def test_only_one_task_reads() -> None:
    reader = Reader()
    task = asyncio.create_task(anext(reader.receiver))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="two tasks"):
        await anext(reader.receiver)
    task.cancel()
    await asyncio.wait((task,))


@pytest.mark.parametrize("number", [0, 1, 3, 2**64 - 1])
async def test_a_number_that_is_not_the_next_is_data_loss(number: int) -> None:
    reader = Reader()
    reader.receiver.data(frames.data(1, [b""]))
    assert code_of(reader.receiver.data, frames.data(number, [b""])) is Code.DATA_LOSS
    assert code_of(reader.receiver.part, frames.part(number, 2, 0, b"x")) is Code.DATA_LOSS


@pytest.mark.parametrize("count", [0, 2, None])
async def test_an_end_with_another_count_is_data_loss(count: int | None) -> None:
    reader = Reader()
    reader.receiver.data(frames.data(1, [b""]))
    assert code_of(reader.receiver.end, count) is Code.DATA_LOSS


async def test_inside_of_a_message_in_parts_comes_nothing_else() -> None:
    reader = Reader()
    reader.receiver.part(frames.part(1, 9, 0, b"abc"))
    assert code_of(reader.receiver.end, 0) is Code.DATA_LOSS
    assert code_of(reader.receiver.data, frames.data(1, [b""])) is Code.DATA_LOSS
    assert code_of(reader.receiver.part, frames.part(1, 9, 4, b"e")) is Code.DATA_LOSS
    assert code_of(reader.receiver.part, frames.part(1, 8, 3, b"d")) is Code.DATA_LOSS
    assert code_of(reader.receiver.part, frames.part(2, 9, 0, b"abc")) is Code.DATA_LOSS


async def test_after_the_end_comes_nothing() -> None:
    reader = Reader()
    reader.receiver.end(0)
    assert code_of(reader.receiver.data, frames.data(1, [b""])) is Code.DATA_LOSS


async def test_more_messages_than_were_granted_are_refused() -> None:
    reader = Reader(messages=2)
    assert code_of(reader.receiver.data, frames.data(1, [b""] * 3)) is Code.RESOURCE_EXHAUSTED
    reader.receiver.data(frames.data(1, [b""] * 2))
    assert code_of(reader.receiver.data, frames.data(3, [b""])) is Code.RESOURCE_EXHAUSTED


async def test_bytes_may_be_exceeded_by_one_message() -> None:
    reader = Reader(size=10)
    reader.receiver.data(frames.data(1, [b"x" * 9, b"x" * 100]))
    assert code_of(reader.receiver.data, frames.data(3, [b"x"])) is Code.RESOURCE_EXHAUSTED
    assert code_of(reader.receiver.part, frames.part(3, 5, 0, b"x")) is Code.RESOURCE_EXHAUSTED


async def test_a_message_that_is_too_long_is_refused_by_its_first_part() -> None:
    reader = Reader(max_size=100)
    assert code_of(reader.receiver.part, frames.part(1, 101, 0, b"x")) is Code.RESOURCE_EXHAUSTED
    assert code_of(reader.receiver.data, frames.data(1, [b"x" * 101])) is Code.RESOURCE_EXHAUSTED


async def test_credit_is_given_when_half_of_it_was_taken() -> None:
    reader = Reader(messages=4)
    reader.receiver.data(frames.data(1, [b""] * 4))
    reader.receiver.take()
    assert reader.grants == []
    reader.receiver.take()
    assert reader.grants == [(6, 1000)]


async def test_parts_get_credit_at_once_and_a_whole_message_when_it_is_taken() -> None:
    reader, whole = Reader(size=10), body(b"x" * 100)
    for offset in range(0, len(whole), 6):
        reader.receiver.part(frames.part(1, len(whole), offset, whole[offset : offset + 6]))
    granted = reader.grants[-1][1]
    assert len(whole) < granted <= len(whole) + 10
    assert reader.receiver.take().value == b"x" * 100
    assert reader.grants[-1] == (5, len(whole) + 10)


async def test_the_reader_gets_what_came_before_the_error() -> None:
    reader = Reader()
    reader.receiver.data(frames.data(1, [b""]))
    reader.receiver.fail(StatusError(Code.UNAVAILABLE, "lost"))
    await anext(reader.receiver)
    for _ in range(2):
        with pytest.raises(StatusError, match="lost"):
            await anext(reader.receiver)


async def test_an_error_may_come_at_once() -> None:
    reader = Reader()
    reader.receiver.data(frames.data(1, [b""]))
    reader.receiver.fail(StatusError(Code.DEADLINE_EXCEEDED, "late"), at_once=True)
    with pytest.raises(StatusError, match="late"):
        await anext(reader.receiver)


async def test_a_message_that_cannot_be_read_is_found_when_it_is_taken() -> None:
    reader = Reader()
    reader.receiver.data(frames.data(1, [b"", b"\xff"]))
    await anext(reader.receiver)
    with pytest.raises(StatusError, match=r"message 2 of the stream.*BytesValue"):
        await anext(reader.receiver)
    assert [error.code for error in reader.defects] == [Code.INTERNAL]


async def test_every_message_is_checked() -> None:
    def check(message: BytesValue) -> None:
        if message.value:
            raise StatusError(Code.INVALID_ARGUMENT, "not empty")

    reader = Reader(check=check)
    reader.receiver.data(frames.data(1, [b"", body(b"x")]))
    await anext(reader.receiver)
    with pytest.raises(StatusError, match="not empty"):
        await anext(reader.receiver)
    assert [error.message for error in reader.defects] == ["not empty"]


@given(
    st.lists(st.integers(0, 40), max_size=40),
    st.integers(1, 5),
    st.integers(1, 30),
)
def test_a_writer_that_keeps_to_its_credit_ends_and_memory_is_bounded(
    sizes: list[int], messages: int, size: int
) -> None:
    """The writer writes whatever it may before the reader takes one message."""
    asyncio.run(_write_all(sizes, messages, size))


async def _write_all(sizes: list[int], messages: int, size: int) -> None:
    receiver = Reader(messages=messages, size=size).receiver
    bodies = [body(b"x" * length) for length in sizes]
    sent, offset, number, taken = 0, 0, 0, 0
    while taken < len(bodies):
        if number < len(bodies) and number < receiver.granted and sent < receiver.granted_size:
            whole = bodies[number]
            content = whole[offset : offset + 7]
            if len(whole) < 8:
                receiver.data(frames.data(number + 1, [whole]))
            else:
                receiver.part(frames.part(number + 1, len(whole), offset, content))
            sent, offset = sent + len(content), offset + 7
            if offset >= len(whole):
                offset, number = 0, number + 1
        else:
            assert receiver.queue, "the writer waits, and there is nothing to take"
            assert receiver.take().value == b"x" * sizes[taken]
            taken += 1
        assert sum(map(len, receiver.queue)) <= size + 42
    receiver.end(len(bodies))
