"""Remembering which events were handled, for longer than a stream does."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protonats.errors import Code, StatusError
from protonats.events import EventContext
from protonats.key_value import KeyValue

__all__ = ["Deduplicator"]

_HANDLED = b"1"


class Deduplicator:
    """Keeps the ids of handled events in a key-value bucket, as long as that keeps its entries.

    A stream drops a second event with the same id for some minutes, and delivers one event more
    than once where an acknowledgement is lost. A handler that must not act twice, as one that moves
    money, asks before:

        async def on_paid(self, event: Paid, context: EventContext) -> None:
            async with self.handled.once(context) as first:
                if first:
                    await self.ledger.add(event.account, event.cents)

    It narrows the window and does not close it: a process that dies between its effect and the
    entry handles the event again. Where the effect itself is an entry of a bucket, write the id of
    the event into that, and nothing is left open.
    """

    def __init__(self, bucket: KeyValue, consumer: str) -> None:
        """
        Args:
            bucket: Where the ids are; its `ttl_seconds` say for how long.
            consumer: Who handles the events: what one consumer has handled is new to another.
        """
        self._bucket = bucket
        self._consumer = consumer

    @asynccontextmanager
    async def once(self, context: EventContext) -> AsyncIterator[bool]:
        """Whether this event was not handled before; when the block ends without an exception, it
        was.

        Raises:
            StatusError: INVALID_ARGUMENT, the event has no id; UNAVAILABLE, the bucket does not
                answer: the event is delivered again.
        """
        if not context.event_id:
            raise StatusError(
                Code.INVALID_ARGUMENT,
                f"event {context.sequence} of stream {context.stream} has no id to know it by",
            )
        text = f"{self._consumer}\n{context.event_id}"
        key = hashlib.sha256(text.encode()).hexdigest()
        entry = await self._bucket.read(key)
        if entry.value is not None:
            yield False
            return
        yield True
        await self._bucket.write(key, _HANDLED, after=entry.revision)
