"""The outgoing direction of a stream: numbers, credit, and messages that leave together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from protonats._freed_memory import keep_freed_memory
from protonats._streaming.counts import StreamCounts
from protonats._transport.transport import Transport
from protonats._wire import frames
from protonats.errors import Code, StatusError

_FRAME_SIZE: Final = 16 * 1024
"""Bytes of messages that leave in one frame: more does not make a stream faster."""

_FRAMES_PER_TURN: Final = 4
"""Full frames after which a producer that is always ready lets others run."""

_COLLECT: Final = 0.0003
"""Seconds for which messages wait for others, as long as each turn of the loop brings some."""

_PAUSE: Final = 0.0002
"""Seconds between two messages after which the second one leaves without a thought of a third."""


class Sender:
    """Sends messages with numbers, as far as the other side has granted.

    A message that comes after a pause leaves at once. Those that come close together, in one turn
    of the loop or in turns that follow each other, leave together.

    Attributes:
        number: How many messages were taken for sending.
        closed: Whether nothing more is sent.
        active: Set whenever a frame leaves; whoever keeps the stream alive clears it.
    """

    __slots__ = (
        "_busy",
        "_counts",
        "_frame_size",
        "_frames",
        "_granted",
        "_granted_size",
        "_held",
        "_largest",
        "_last",
        "_loop",
        "_max_size",
        "_offset",
        "_on_failure",
        "_pending",
        "_pending_size",
        "_seen",
        "_sent",
        "_size",
        "_subject",
        "_transport",
        "_waiter",
        "active",
        "closed",
        "number",
    )

    def __init__(
        self,
        transport: Transport,
        counts: StreamCounts,
        max_size: int,
        on_failure: Callable[[StatusError], None],
    ) -> None:
        """
        Args:
            transport: Where to send.
            counts: Where to count.
            max_size: The longest message, in bytes.
            on_failure: Called when a frame cannot be sent.
        """
        self._transport = transport
        self._counts = counts
        self._max_size = max_size
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._subject = ""
        self._granted = 0
        self._granted_size = 0
        self._largest = min(transport.max_payload - frames.DATA_OVERHEAD, max_size)
        self._frame_size = min(_FRAME_SIZE, transport.max_payload - frames.DATA_OVERHEAD)
        self.number = 0
        self._sent = 0
        self._size = 0
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._held: bytes | None = None
        self._offset = 0
        self._waiter: asyncio.Future[None] | None = None
        self._busy = False
        self._last = 0.0
        self._seen = 0
        self._frames = 0
        self.closed = False
        self.active = False

    @property
    def credit(self) -> int:
        """How many messages may be sent now."""
        return max(self._granted - self.number, 0)

    def open(self, subject: str, messages: int, size: int) -> None:
        """Begins to send to a subject.

        Args:
            subject: Where frames go.
            messages: How many messages the other side takes, to begin with.
            size: How many bytes of messages it takes, to begin with.
        """
        self._subject = subject
        self._counts.open.add(self)
        self.grant(messages, size)

    def carried(self, size: int) -> None:
        """Counts the message of `size` bytes that the request carried."""
        self.number = self._sent = self._seen = 1
        self._size = size
        self._counts.sent += 1

    def grant(self, messages: int, size: int) -> None:
        """Takes note of credit: totals, which never shrink."""
        if messages > self._granted:
            self._granted = messages
        if size > self._granted_size:
            self._granted_size = size
        self._wake()

    def put(self, message: bytes) -> bool:
        """Takes a message. Where it returns False, `ready` has to be awaited before the next one.

        Raises:
            StatusError: RESOURCE_EXHAUSTED, for a message that is too long.
        """
        size = len(message)
        if (
            self.number >= self._granted
            or self._size >= self._granted_size
            or size > self._largest
            or self.closed
        ):
            self._hold(message)
            return False
        if self._pending_size + size > self._frame_size:
            self.flush()
            self._frames += 1
        self.number += 1
        self._size += size
        self._pending.append(message)
        self._pending_size += size + frames.LENGTH_SIZE
        if not self._busy:
            self.flush()
            now = monotonic()
            if now - self._last < _PAUSE:
                self._busy = True
                self._loop.call_soon(self._turn)
            self._last = now
        return self._frames < _FRAMES_PER_TURN

    async def ready(self) -> bool:
        """Returns True when the next message may be put, False when nothing more is sent."""
        while not self.closed:
            if self._frames >= _FRAMES_PER_TURN:
                self._frames = 0
                await asyncio.sleep(0)
                # A connection that broke has closed the stream, or will.
                with suppress(StatusError):
                    await self._transport.writable()
            elif self._held is None:
                return True
            elif self._number_is_granted() and self._size < self._granted_size:
                self._send_held(self._held)
            else:
                self.flush()
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
        return False

    def flush(self) -> None:
        """Sends what waits to leave together."""
        pending = self._pending
        if pending:
            self._pending = []
            self._pending_size = 0
            first = self._sent + 1
            self._sent += len(pending)
            self._counts.sent += len(pending)
            self._send(frames.data(first, pending))

    def close(self) -> None:
        """Sends nothing more, and gives up what was not sent."""
        if not self.closed:
            self.closed = True
            self._counts.open.discard(self)
            self._pending = []
            self._held = None
            self._wake()

    def _hold(self, message: bytes) -> None:
        if len(message) > self._max_size:
            raise StatusError(
                Code.RESOURCE_EXHAUSTED,
                f"a message of {len(message)} bytes: {self._max_size} bytes may be sent"
                " (max_message_size)",
            )
        self._held = message
        self._offset = 0

    def _number_is_granted(self) -> bool:
        return self.number < self._granted or self._offset > 0

    def _send_held(self, message: bytes) -> None:
        if len(message) <= self._largest:
            self._held = None
            self.put(message)
            return
        self.flush()
        offset = self._offset
        end = offset + self._transport.max_payload - frames.PART_OVERHEAD
        content = memoryview(message)[offset:end]
        self._offset += len(content)
        self._size += len(content)
        self._frames = _FRAMES_PER_TURN
        frame = frames.part(self._sent + 1, len(message), offset, content)
        if self._offset == len(message):
            keep_freed_memory()
            self._held = None
            self.number += 1
            self._sent += 1
            self._counts.sent += 1
        self._send(frame)

    def _send(self, frame: bytes) -> None:
        self.active = True
        try:
            self._transport.publish(self._subject, frame)
        except StatusError as error:
            self._fail(error)

    def _fail(self, error: StatusError) -> None:
        self.close()
        self._on_failure(error)

    def _turn(self) -> None:
        """Runs once in each turn of the loop while messages come."""
        self._frames = 0
        if self.number != self._seen:
            self._seen = self.number
            now = monotonic()
            if now - self._last >= _COLLECT:
                self._last = now
                self.flush()
        elif self._pending:
            self.flush()
        else:
            self._busy = False
            return
        self._loop.call_soon(self._turn)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
