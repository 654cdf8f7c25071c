"""Events: publishing them, and what a handler is told about one."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from google.protobuf.message import Message

from protonats import deadline
from protonats._info import EventInfo
from protonats._wire import events as wire
from protonats._wire import headers, subjects
from protonats.connection import Connection
from protonats.errors import Code, ProtonatsError, StatusError

__all__ = ["EventContext", "PublishAck", "Publisher", "RetryEvent"]

PROVISION: Final = "python -m protonats.provision generated/deploy/nats/jetstream.json"
"""What creates streams and consumers, for the texts of errors."""

_ACK_TIMEOUT: Final = 5.0

# Numbers of the server's errors (nats-server, errors.json) that are a limit of stream or account.
_LIMITS: Final = frozenset({10028, 10047, 10054, 10077})
_UNAVAILABLE: Final = 503


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishAck:
    """What became of a published event."""

    event_id: str
    """The event's id: the publisher's own, or the one that was made up."""

    stream: str | None
    """The stream that stored it; None for an event that is not durable."""

    sequence: int | None
    """Its sequence in the stream; None for an event that is not durable."""

    duplicate: bool
    """Whether the stream had an event with this id already, within its duplicates window."""


async def _nothing() -> None:
    """What a context does that a test of a handler has made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventContext:
    """What is known about an event besides its content."""

    subject: str
    """The subject that it was published to."""

    event_id: str
    """Its id, the same on every delivery; empty if the publisher gave none."""

    metadata: Mapping[str, str]
    """What the publisher sent along."""

    stream: str
    """The stream that it is stored in."""

    sequence: int
    """Its sequence in the stream."""

    delivery: int
    """How often it has been delivered, this time included: 1 is the first."""

    published_at: datetime
    """When the stream stored it, in UTC."""

    trace: str | None
    """The publisher's W3C `traceparent`, which calls and events made meanwhile carry on."""

    _in_progress: Callable[[], Awaitable[None]] = field(default=_nothing, repr=False, compare=False)

    async def in_progress(self) -> None:
        """Tells the stream that the handler is still at work, so the event is not delivered again.

        The runtime does so by itself, at half of the consumer's time for an acknowledgement. It is
        of use before a step that blocks the event loop.

        Raises:
            StatusError: UNAVAILABLE, the connection is down.
        """
        await self._in_progress()


class RetryEvent(ProtonatsError):
    """Raised by a handler: deliver this event again, later.

    Attributes:
        delay: Seconds until then; None for the consumer's own back-off.
    """

    def __init__(self, delay: float | None = None) -> None:
        if delay is not None and not 0 <= delay < math.inf:
            raise ValueError(f"delay is {delay!r}: write a number of seconds, 0 or more")
        text = "with the back-off of the consumer" if delay is None else f"in {delay:g} s"
        super().__init__(f"deliver again {text}")
        self.delay = delay


class Publisher:
    """The base of generated publishers."""

    def __init__(self, connection: Connection) -> None:
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
        """
        metrics, name = self._connection.metrics, event.DESCRIPTOR.full_name
        try:
            ack = await self._send(info, event, metadata or {}, event_id)
        except StatusError as error:
            metrics.event_published(name, error.code.name.lower())
            raise
        result = "duplicate" if ack.duplicate else "acknowledged" if info.durable else "sent"
        metrics.event_published(name, result)
        return ack

    async def _send(
        self,
        info: EventInfo[Message],
        event: Message,
        metadata: Mapping[str, str],
        event_id: str | None,
    ) -> PublishAck:
        key = None if info.key_field is None else subjects.field_value(event, info.key_field)
        subject = wire.subject(info.subject, info.key_field, key)
        event_id = secrets.token_hex(16) if event_id is None else event_id
        lines = wire.event_headers(
            event_id=event_id,
            event_type=event.DESCRIPTOR.full_name,
            metadata=metadata,
            traceparent=deadline.current_trace(),
        )
        body = event.SerializeToString()
        if not info.durable:
            self._connection._publish(subject, body, headers.encode(lines))
            return PublishAck(event_id=event_id, stream=None, sequence=None, duplicate=False)
        return await store(self._connection, subject, body, lines)


def filter_subject(info: EventInfo[Message]) -> str:
    """The subjects that an event is published to: `*` stands for its key."""
    return info.subject if info.key_field is None else f"{info.subject}.*"


async def store(
    connection: Connection, subject: str, body: bytes, lines: Mapping[str, str]
) -> PublishAck:
    """Publishes a message as a JetStream request; returns with the stream's acknowledgement.

    Raises:
        StatusError: The same as for publishing a durable event.
    """
    answer = await connection._request(
        subject, body, headers.encode(lines), deadline.earliest(_ACK_TIMEOUT)
    )
    if answer.status == headers.NO_RESPONDERS:
        raise StatusError(
            Code.FAILED_PRECONDITION, f"no stream stores {subject}: create it with `{PROVISION}`"
        )
    return _read_ack(answer.body, subject, lines[wire.MSG_ID])


def _read_ack(body: bytes, subject: str, event_id: str) -> PublishAck:
    try:
        ack: dict[str, Any] = json.loads(body)
        if "error" not in ack:
            return PublishAck(
                event_id=event_id,
                stream=str(ack["stream"]),
                sequence=int(ack["seq"]),
                duplicate=bool(ack.get("duplicate", False)),
            )
        error: dict[str, Any] = ack["error"]
        text = f"the stream refuses {subject}: {error.get('description', 'no reason given')}"
        number = error.get("err_code")
        status = error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StatusError(
            Code.INTERNAL,
            f"the answer for {subject} is no acknowledgement of a stream: is somebody else"
            " subscribed to it?",
        ) from None
    if number in _LIMITS:
        raise StatusError(Code.RESOURCE_EXHAUSTED, text)
    raise StatusError(
        Code.UNAVAILABLE if status == _UNAVAILABLE else Code.FAILED_PRECONDITION, text
    )
