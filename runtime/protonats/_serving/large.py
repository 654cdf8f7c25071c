"""Large messages on the side of the instance: section 9 of the wire protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from protonats._freed_memory import keep_freed_memory
from protonats._serving.held import Answers, Arriving, Held, Kept
from protonats._transport.message import Message
from protonats._wire import parts
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats._serving.cancellations import Cancellations
    from protonats._serving.follow_ups import FollowUps
    from protonats._transport.transport import Transport
    from protonats.metrics import Metrics

_OVERHEAD: Final = 4096
"""What a message counts besides its bytes, so that many short beginnings are bounded, too."""


class LargeMessages:
    """The requests that are arriving in parts, and the responses that are being fetched.

    Together they hold a bounded number of bytes, those that are here: what would go beyond is
    refused.

    Attributes:
        empty: Set while nothing is held.
    """

    def __init__(
        self,
        transport: Transport,
        metrics: Metrics,
        instance_id: str,
        follow_ups: FollowUps,
        cancellations: Cancellations,
        *,
        max_message_size: int,
        max_bytes: int,
    ) -> None:
        """
        Args:
            transport: Where to answer.
            metrics: Where to count what is dropped.
            instance_id: The instance in discovery.
            follow_ups: Where the other parts, and what is fetched, are asked for.
            cancellations: Where callers give up.
            max_message_size: The longest message, in bytes.
            max_bytes: How many bytes all of them may have together.
        """
        self.empty = asyncio.Event()
        self.empty.set()
        self._answers = Answers(transport, metrics, instance_id)
        self._follow_ups = follow_ups
        self._cancellations = cancellations
        self._max_message_size = max_message_size
        self._max_bytes = max_bytes
        self._bytes = 0
        self._held: dict[str, Held] = {}
        self._had_one = False

    def __len__(self) -> int:
        return len(self._held)

    def receive(
        self,
        message: Message,
        call_id: str,
        remaining: float | None,
        complete: Callable[[Message], None],
    ) -> None:
        """Takes the first part of a request, and asks for the rest.

        Args:
            message: The first part.
            call_id: The id of the call.
            remaining: Seconds that the call may take; None: without a deadline.
            complete: Called with the whole request, whose reply subject is that of its last part.

        Raises:
            StatusError: RESOURCE_EXHAUSTED for a message that is too long, or where there is no
                room for it; INVALID_ARGUMENT for a malformed part, or the id of another call.
        """
        part = parts.decode_part(message.headers[parts.PART])
        parts.check_total(part.total, self._max_message_size, "the request")
        if part.offset or not message.body or len(message.body) >= part.total:
            raise StatusError(Code.INVALID_ARGUMENT, "this is not the first part of a message")
        arriving = Arriving(self._answers, call_id, message, part.total, complete)
        if self._hold(arriving, len(message.body), remaining):
            arriving.ask(message.reply)

    def answer(
        self,
        reply: str,
        body: bytes,
        lines: Mapping[str, str],
        call_id: str,
        remaining: float | None,
    ) -> None:
        """Answers with the first part of a response, and keeps the rest until it is fetched.

        Raises:
            StatusError: RESOURCE_EXHAUSTED for a message that is too long, or where there is no
                room for it.
        """
        parts.check_total(len(body), self._max_message_size, "the response")
        kept = Kept(self._answers, call_id, body, lines)
        if self._hold(kept, len(body), remaining):
            instance = self._answers.instance_id
            kept.publish(reply, 0, {**lines, parts.INSTANCE: instance})

    def clear(self) -> None:
        """Lets go of all messages."""
        for held in list(self._held.values()):
            held.end()

    def _hold(self, held: Held, size: int, remaining: float | None) -> bool:
        """Makes room for a message; False where its call was cancelled meanwhile."""
        if not self._cancellations.admits(held.call_id):
            return False
        self.take(held, _OVERHEAD + size)
        # The response of the first call is still to be made of memory that goes back.
        if self._had_one:
            keep_freed_memory()
        self._had_one = True
        self._cancellations.register(held.call_id, held.end)
        self._follow_ups.register(held.call_id, held.receive)
        self._held[held.call_id] = held
        self.empty.clear()
        held.begin(remaining, self)
        return True

    def take(self, held: Held, size: int) -> None:
        """Counts so many bytes more of a message.

        Raises:
            StatusError: RESOURCE_EXHAUSTED where there is no room for them.
        """
        if self._bytes + size > self._max_bytes:
            raise held.no_room(
                Code.RESOURCE_EXHAUSTED,
                f"the instance holds {self._bytes} bytes of large messages already, and no more"
                f" than {self._max_bytes} fit",
            )
        self._bytes += size
        held.size += size

    def forget(self, held: Held) -> None:
        """Counts a message no longer."""
        if self._held.get(held.call_id) is not held:
            return
        del self._held[held.call_id]
        self._bytes -= held.size
        self._follow_ups.unregister(held.call_id)
        self._cancellations.unregister(held.call_id)
        if not self._held:
            self.empty.set()
