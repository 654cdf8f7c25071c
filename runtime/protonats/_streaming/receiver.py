"""The incoming direction of a stream: order, whole messages, credit, and the reader's queue."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, NoReturn, TypeVar

from google.protobuf.message import DecodeError, Message

from protonats._freed_memory import keep_freed_memory
from protonats._streaming.counts import StreamCounts
from protonats._wire import frames
from protonats.errors import Code, StatusError

MessageT = TypeVar("MessageT", bound=Message)

_NEVER: Final = sys.maxsize


class Receiver(AsyncIterator[MessageT], Generic[MessageT]):
    """Reads a stream of messages; iterate over it once, from one task.

    Messages are read from their bytes when they are taken. What came before the stream ended or
    failed can be taken afterwards.

    Attributes:
        queue: The messages that nobody has taken yet, as bytes.
        granted: How many messages the other side may send in all.
        granted_size: How many bytes of messages it may send in all.
    """

    __slots__ = (
        "_check",
        "_counts",
        "_decode",
        "_ended",
        "_error",
        "_grant",
        "_loop",
        "_malformed",
        "_max_size",
        "_messages",
        "_next",
        "_next_grant",
        "_next_grant_size",
        "_on_defect",
        "_parts",
        "_parts_size",
        "_pause",
        "_received_size",
        "_released",
        "_size",
        "_taken",
        "_total",
        "_type",
        "_waiter",
        "granted",
        "granted_size",
        "queue",
    )

    def __init__(
        self,
        message: type[MessageT],
        counts: StreamCounts,
        *,
        messages: int,
        size: int,
        max_size: int,
        malformed: Code,
        check: Callable[[MessageT], None] | None,
        grant: Callable[[int, int], None],
        pause: Callable[[], None],
        on_defect: Callable[[StatusError], None],
    ) -> None:
        """
        Args:
            message: The class of the messages.
            counts: Where to count.
            messages: How many messages may wait for the reader.
            size: How many bytes of messages may wait for the reader, but for one message.
            max_size: The longest message that is taken, in bytes.
            malformed: The status of what cannot be read.
            check: Raises `StatusError` for a message that breaks a rule; None where there are none.
            grant: Called with new totals of messages and bytes that the other side may send.
            pause: Called when the reader has to wait.
            on_defect: Called when a message that is taken turns out to be none.
        """
        self._type = message
        self._decode = message.FromString
        self._counts = counts
        self._messages = messages
        self._size = size
        self._max_size = max_size
        self._malformed = malformed
        self._check = check
        self._grant = grant
        self._pause = pause
        self._on_defect = on_defect
        self._loop = asyncio.get_running_loop()
        self.queue: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._next = 1
        self._received_size = 0
        self._taken = 0
        self._released = 0
        """Bytes that were taken, and those of the parts of an unfinished message: it could never be
        finished if they waited for the reader."""
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._total = 0
        self._ended = False
        self._error: BaseException | None = None
        self.granted = self.granted_size = 0
        self._next_grant = self._next_grant_size = 0
        self._note_grant()

    @property
    def number(self) -> int:
        """How many messages have come."""
        return self._next - 1

    async def __anext__(self) -> MessageT:
        if self.queue:
            return self.take()
        return await self.next()

    async def next(self) -> MessageT:
        """Waits for the next message.

        Raises:
            StopAsyncIteration: There are no more.
            BaseException: What the stream failed with.
        """
        while not self.queue:
            self.raise_error()
            if self._ended:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("two tasks read one stream at once")
            self._pause()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.take()

    def take(self) -> MessageT:
        """The first message of the queue.

        Raises:
            StatusError: It cannot be read, or breaks a rule; the stream has failed.
        """
        body = self.queue.popleft()
        self._taken += 1
        self._released += len(body)
        if self._taken >= self._next_grant or self._released >= self._next_grant_size:
            self._grant_more()
        try:
            message = self._decode(body)
        except DecodeError:
            name = self._type.DESCRIPTOR.full_name
            text = f"message {self._taken} of the stream cannot be read as {name}"
            self._refuse(StatusError(self._malformed, text))
        if self._check is not None:
            try:
                self._check(message)
            except StatusError as error:
                self._refuse(error)
        return message

    def carried(self, body: bytes) -> None:
        """Takes the message that the request carried, which needs no credit."""
        self._next = 2
        self._received_size = len(body)
        self._counts.received += 1
        self.queue.append(body)

    def data(self, frame: bytes) -> None:
        """Takes a DATA frame.

        Raises:
            MalformedFrame: It is no such frame.
            StatusError: It breaks the order of the stream, its credit, or its limits.
        """
        first, messages = frames.read_data(frame)
        self._expect(first, at_message_start=True)
        count = len(messages)
        size = len(frame) - frames.DATA_OVERHEAD - frames.LENGTH_SIZE * (count - 1)
        self._check_credit(first + count - 1, self._received_size + size - len(messages[-1]))
        if size > self._max_size:
            self._check_length(max(map(len, messages)))
        self._next += count
        self._received_size += size
        self._counts.received += count
        self.queue.extend(messages)
        self._wake()

    def part(self, frame: bytes) -> None:
        """Takes a PART frame; the errors are those of `data`."""
        number, total, offset, content = frames.read_part(frame)
        self._expect(number, at_message_start=False)
        if offset != self._parts_size or (offset and total != self._total):
            raise StatusError(Code.DATA_LOSS, f"a part of message {number} is missing")
        self._check_length(total)
        self._check_credit(number, self._received_size)
        self._total = total
        self._parts.append(content)
        self._parts_size += len(content)
        self._received_size += len(content)
        self._released += len(content)
        if self._parts_size == total:
            body = b"".join(self._parts)
            self._parts.clear()
            self._parts_size = 0
            self._released -= total
            keep_freed_memory()
            self._next += 1
            self._counts.received += 1
            self.queue.append(body)
            self._wake()
        elif self._released >= self._next_grant_size:
            self._grant_more()

    def end(self, count: int | None) -> None:
        """Takes note of the end, after `count` messages in all.

        Raises:
            StatusError: DATA_LOSS, if that is not what has come.
        """
        received = self._next - 1
        if self._parts or count != received:
            raise StatusError(
                Code.DATA_LOSS, f"the stream ended after {count} messages, and {received} have come"
            )
        self._ended = True
        self.stop_granting()
        self._wake()

    def fail(self, error: BaseException, *, at_once: bool = False) -> None:
        """Ends the stream with an error, which the reader gets after the messages that have come,
        or at once."""
        if self._error is None:
            self._error = error
            self.stop_granting()
            if at_once:
                self.queue.clear()
            self._wake()

    def raise_error(self) -> None:
        """Raises what the stream failed with, if it did."""
        if self._error is not None:
            raise self._error

    def stop_granting(self) -> None:
        """Takes what was granted already, and grants nothing more."""
        self._next_grant = self._next_grant_size = _NEVER

    def _expect(self, number: int, *, at_message_start: bool) -> None:
        if self._ended:
            raise StatusError(Code.DATA_LOSS, "a message came after the end of the stream")
        if number != self._next or (at_message_start and self._parts):
            raise StatusError(
                Code.DATA_LOSS, f"message {number} of the stream came instead of {self._next}"
            )

    def _check_credit(self, number: int, size_before: int) -> None:
        if number > self.granted or size_before >= self.granted_size:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"the stream went beyond its credit of {self.granted} messages and"
                f" {self.granted_size} bytes",
            )

    def _check_length(self, length: int) -> None:
        if length > self._max_size:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"a message of {length} bytes: {self._max_size} bytes are taken (max_message_size)",
            )

    def _grant_more(self) -> None:
        self._note_grant()
        self._grant(self.granted, self.granted_size)

    def _note_grant(self) -> None:
        self.granted = self._taken + self._messages
        self.granted_size = max(self.granted_size, self._released + self._size)
        self._next_grant = self.granted - self._messages // 2
        self._next_grant_size = self.granted_size - self._size // 2

    def _refuse(self, error: StatusError) -> NoReturn:
        self._on_defect(error)
        raise error

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
