"""Events: publishing them, and what a handler is told about one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import length_hint
from typing import Any, Final

from google.protobuf.message import Message

from protonats import deadline
from protonats._info import EventInfo
from protonats._missing_stream import explained
from protonats._publishing import ACK_TIMEOUT, PublishAck, prepare, read_ack
from protonats.connection import Connection, check_connection
from protonats.errors import Code, ProtonatsError, StatusError

__all__ = ["BatchError", "EventContext", "PublishAck", "Publisher", "RetryEvent", "publish_all"]

_IN_FLIGHT: Final = 256


class EventContext:
    """What is known about an event besides its content."""

    __slots__ = (
        "_delivery",
        "_event_id",
        "_metadata",
        "_published_at",
        "_replayed",
        "_sequence",
        "_stream",
        "_subject",
        "_trace",
    )

    def __init__(
        self,
        *,
        subject: str,
        event_id: str,
        stream: str,
        sequence: int,
        published_at: datetime,
        metadata: Mapping[str, str] | None = None,
        delivery: int = 1,
        trace: str | None = None,
        replayed: bool = False,
    ) -> None:
        """The arguments are the properties; tests of handlers make it as well."""
        self._subject = subject
        self._event_id = event_id
        self._stream = stream
        self._sequence = sequence
        self._published_at = published_at
        self._metadata = {} if metadata is None else metadata
        self._delivery = delivery
        self._trace = trace
        self._replayed = replayed

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(subject={self.subject!r}, event_id={self.event_id!r},"
            f" stream={self.stream!r}, sequence={self.sequence}, delivery={self.delivery})"
        )

    @property
    def subject(self) -> str:
        """The subject that it was published to."""
        return self._subject

    @property
    def event_id(self) -> str:
        """Its id, the same on every delivery, and when it is replayed from the dead letters; empty
        if the publisher gave none."""
        return self._event_id

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the publisher sent along."""
        return self._metadata

    @property
    def stream(self) -> str:
        """The stream that it is stored in."""
        return self._stream

    @property
    def sequence(self) -> int:
        """Its sequence in the stream."""
        return self._sequence

    @property
    def delivery(self) -> int:
        """How often it has been delivered, this time included: 1 is the first. 0 for an event that
        was read from its stream by `protonats.replay`."""
        return self._delivery

    @property
    def published_at(self) -> datetime:
        """When the stream stored it, in UTC."""
        return self._published_at

    @property
    def trace(self) -> str | None:
        """The publisher's W3C `traceparent`, which calls and events made meanwhile carry on."""
        return self._trace

    @property
    def replayed(self) -> bool:
        """Whether it was a dead letter and was published again."""
        return self._replayed

    async def in_progress(self) -> None:
        """Tells the stream that the handler is still at work, so the event is not delivered again.

        The runtime does so by itself, at half of the consumer's time for an acknowledgement. It is
        of use before a step that blocks the event loop.

        Raises:
            StatusError: UNAVAILABLE, the connection is down.
        """


_LONGEST_DELAY: Final = 9e9
"""Seconds; the server counts nanoseconds in 63 bits."""


class RetryEvent(ProtonatsError):
    """Raised by a handler: deliver this event again, later.

    Attributes:
        delay: Seconds until then; None for the consumer's own back-off.
    """

    def __init__(self, delay: float | None = None) -> None:
        if delay is not None and not 0 <= delay <= _LONGEST_DELAY:
            raise ValueError(
                f"delay is {delay!r}: write a number of seconds, 0 or more, and at most"
                f" {_LONGEST_DELAY:g}"
            )
        text = "with the back-off of the consumer" if delay is None else f"in {delay:g} s"
        super().__init__(f"deliver again {text}")
        self.delay = delay


class BatchError(ProtonatsError):
    """Some events of a batch were not published.

    Attributes:
        results: What became of each event, in the order of the batch: its acknowledgement, or why
            there is none, as a rule a `StatusError`. What the iterable of the batch itself raised
            is the last one, in the place of the event that it did not give.
    """

    def __init__(self, results: tuple[PublishAck | Exception, ...]) -> None:
        failed = [result for result in results if isinstance(result, Exception)]
        first = failed[0]
        text = str(first) if isinstance(first, StatusError) else f"{type(first).__name__}: {first}"
        super().__init__(
            f"{len(failed)} of {len(results)} events were not published; the first error is: {text}"
        )
        self.results = results

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.results,)


class Publisher:
    """The base of generated publishers."""

    def __init__(self, connection: Connection) -> None:
        check_connection(connection)
        self._connection = connection

    async def _publish(
        self,
        info: EventInfo[Message],
        event: Message,
        *,
        metadata: Mapping[str, str] | None,
        event_id: str | None,
    ) -> PublishAck:
        """Publishes an event; returns when a durable one is stored.

        Raises:
            StatusError: INVALID_ARGUMENT for a key, id or metadata that cannot be sent,
                FAILED_PRECONDITION where no stream takes the subject, RESOURCE_EXHAUSTED for a
                message that is too large or a stream that is full, DEADLINE_EXCEEDED without an
                acknowledgement in time, UNAVAILABLE without a connection.
            TypeError: It is no such event.
        """
        if not isinstance(event, info.message):
            raise TypeError(
                f"the event is a {info.message.DESCRIPTOR.full_name}, not {type(event).__name__}"
            )
        connection = self._connection
        span = None if connection.telemetry is None else connection.telemetry.publish(info)
        try:
            subject, body, block, event_id, name = prepare(
                connection, info, event, metadata, event_id
            )
            if info.durable:
                until = deadline.earliest(ACK_TIMEOUT, connection._clock())
                try:
                    answer = await connection._request(subject, body, block, until)
                    ack = read_ack(answer, subject, event_id)
                except StatusError as error:
                    raise await explained(connection, subject, error) from None
                result = "duplicate" if ack.duplicate else "acknowledged"
            else:
                connection._publish(subject, body, block)
                ack = PublishAck(event_id, None, None, False)
                result = "sent"
        except StatusError as error:
            name = event.DESCRIPTOR.full_name
            connection.metrics.event_published(name, error.code.name.lower())
            if span is not None:
                span.end_event(error)
            raise
        except BaseException as error:
            if span is not None:
                span.end_event(error)
            raise
        connection.metrics.event_published(name, result)
        if span is not None:
            span.end_event()
        return ack


async def publish_all(
    publications: Iterable[Awaitable[PublishAck]], *, max_in_flight: int = _IN_FLIGHT
) -> tuple[PublishAck, ...]:
    """Publishes many events without waiting for each acknowledgement before the next is sent.

        await protonats.publish_all(
            publisher.publish_quest_generated(quest) for quest in quests
        )

    They are sent in their order. One that fails does not stop those behind it.

    Args:
        publications: Calls of publishers' methods; an iterator is asked for no more of them than
            may be under way.
        max_in_flight: How many may be without their acknowledgement at once.

    Returns:
        The acknowledgements, in the order of the events.

    Raises:
        BatchError: Some events were not published, for whatever reason; it has all results. An
            iterable that raises ends the batch so, too, once what is under way has its results.
    """
    if max_in_flight < 1:
        raise ValueError(f"max_in_flight is {max_in_flight}: write a number above 0")
    results: list[PublishAck | Exception | None] = []
    # A generator has no more to give when it has raised.
    waiting = (publication for publication in publications)
    count = min(max_in_flight, length_hint(publications, max_in_flight))
    senders = [asyncio.create_task(_send_each(waiting, results)) for _ in range(count)]
    try:
        await asyncio.gather(*senders)
    finally:
        for sender in senders:
            sender.cancel()
    acks = tuple(result for result in results if isinstance(result, PublishAck))
    if len(acks) < len(results):
        ended = tuple(result for result in results if result is not None)
        raise BatchError(ended) from next(item for item in ended if isinstance(item, Exception))
    return acks


async def _send_each(
    waiting: Iterator[Awaitable[PublishAck]], results: list[PublishAck | Exception | None]
) -> None:
    """Publishes one event after the other, as long as there are any."""
    task = asyncio.current_task()
    assert task is not None
    while True:
        try:
            publication = next(waiting, None)
        except Exception as error:
            results.append(error)
            return
        if publication is None:
            return
        index = len(results)
        results.append(None)
        try:
            results[index] = await publication
        except asyncio.CancelledError:
            if task.cancelling():
                raise
            results[index] = StatusError(Code.CANCELLED, "the publication was cancelled")
        except Exception as error:
            results[index] = error
