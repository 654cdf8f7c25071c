"""How an event becomes a message, and what a stream answers to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.message import Message

from protonats import deadline
from protonats._info import EventInfo
from protonats._missing_stream import explained, no_stream
from protonats._transport.message import Message as Answer
from protonats._transport.sending import check_subject
from protonats._wire import events as wire
from protonats._wire import headers, subjects
from protonats._wire import metadata as metadata_rules
from protonats._wire.numbers import MAX_DIGITS
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from protonats.connection import Connection

ACK_TIMEOUT: Final = 5.0
"""Seconds that a stream has for its acknowledgement."""

_SEQUENCE: Final = b'"seq":'
_MAX_STREAMS: Final = 1000

# Numbers of the server's errors (nats-server, errors.json) that are a limit of stream or account.
_TOO_LARGE: Final = 10054
_LIMITS: Final = frozenset({10028, 10047, 10077})
_UNAVAILABLE: Final = 503

_kinds: dict[type[Message], tuple[str, bytes]] = {}
"""The full name of a message, and the header line that says it."""

_streams: dict[bytes, str] = {}
"""The names of streams, by what stands before the sequence in their acknowledgements."""


class PublishAck(NamedTuple):
    """What became of a published event."""

    event_id: str
    """The event's id: the publisher's own, or the one that was made up."""

    stream: str | None
    """The stream that stored it; None for an event that is not durable."""

    sequence: int | None
    """Its sequence in the stream; None for an event that is not durable."""

    duplicate: bool
    """Whether the stream had an event with this id already, within its duplicates window."""


class TooLargeError(StatusError):
    """RESOURCE_EXHAUSTED, because of the size of this one message."""


class Outgoing(NamedTuple):
    """An event as it goes out."""

    subject: str
    """Where it goes."""

    body: bytes
    """The serialized event."""

    block: bytes
    """Its header block."""

    event_id: str
    """Its id, which is in the block."""

    event: str
    """The full name of its message."""


def prepare(
    connection: Connection,
    info: EventInfo[Message],
    event: Message,
    metadata: Mapping[str, str] | None,
    event_id: str | None,
) -> Outgoing:
    """Makes the message of an event, with the trace context of the running call.

    Raises:
        StatusError: INVALID_ARGUMENT for a key, id or metadata that cannot be sent.
    """
    field = info.key_field
    subject = info.subject
    if field is not None:
        subject = wire.subject(subject, field, subjects.field_value(event, field))
    if event_id is None:
        event_id = connection._call_ids.next()
    else:
        metadata_rules.check_text(event_id, "an event id")
    kind = _kinds.get(type(event))
    if kind is None:
        name = event.DESCRIPTOR.full_name
        kind = _kinds[type(event)] = name, wire.type_line(name)
    name, line = kind
    telemetry = connection.telemetry
    trace = deadline.current_trace() if telemetry is None else telemetry.traceparent()
    block = wire.event_block(event_id, line, metadata, trace)
    return Outgoing(subject, event.SerializeToString(), block, event_id, name)


async def store(
    connection: Connection, subject: str, body: bytes, block: bytes, event_id: str
) -> PublishAck:
    """Publishes a message as a JetStream request; returns with the stream's acknowledgement.

    Args:
        connection: Where the stream is.
        subject: Where the message goes.
        body: Its body.
        block: Its header block.
        event_id: Its `Nats-Msg-Id`, for the acknowledgement.

    Raises:
        StatusError: FAILED_PRECONDITION where no stream takes the subject, RESOURCE_EXHAUSTED for
            a message that is too large or a stream that is full, DEADLINE_EXCEEDED without an
            acknowledgement in time, UNAVAILABLE without a connection.
    """
    check_subject(subject)
    try:
        answer = await connection._request(subject, body, block, deadline.earliest(ACK_TIMEOUT))
        return read_ack(answer, subject, event_id)
    except StatusError as error:
        raise await explained(connection, subject, error) from None


def read_ack(answer: Answer, subject: str, event_id: str) -> PublishAck:
    """What a stream has answered to a message.

    Raises:
        StatusError: It did not store it.
    """
    # As the server writes it: `{"stream":"GAME", "seq":17}`. Everything else is read as JSON.
    body = answer.body
    begin = body.find(_SEQUENCE)
    stream, number = _streams.get(body[:begin]), body[begin + len(_SEQUENCE) : -1]
    if stream is not None and number.isdigit() and len(number) <= MAX_DIGITS and body[-1:] == b"}":
        return PublishAck(event_id, stream, int(number), False)
    if answer.status == headers.NO_RESPONDERS:
        raise no_stream(subject)
    ack = _read_json(body, subject, event_id)
    if ack.stream is not None and number.isdigit() and len(_streams) < _MAX_STREAMS:
        _streams[body[:begin]] = ack.stream
    return ack


def filter_subject(info: EventInfo[Message], key: str | None = None) -> str:
    """The subjects that an event is published to: `*` stands for its key, if none is given.

    Raises:
        StatusError: INVALID_ARGUMENT, for a key that cannot be a token, or of an event without one.
    """
    if key is not None and info.key_field is None:
        raise StatusError(
            Code.INVALID_ARGUMENT, f"{info.message.DESCRIPTOR.full_name} has no key: leave it out"
        )
    if info.key_field is None or key is not None:
        return wire.subject(info.subject, info.key_field, key)
    return f"{info.subject}.*"


def _read_json(body: bytes, subject: str, event_id: str) -> PublishAck:
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
    if number == _TOO_LARGE:
        raise TooLargeError(Code.RESOURCE_EXHAUSTED, text)
    if number in _LIMITS:
        raise StatusError(Code.RESOURCE_EXHAUSTED, text)
    raise StatusError(
        Code.UNAVAILABLE if status == _UNAVAILABLE else Code.FAILED_PRECONDITION, text
    )
