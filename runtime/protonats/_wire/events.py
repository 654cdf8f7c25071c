"""Events and dead letters: section 11 of the wire protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protonats._wire import call, status, subjects
from protonats._wire import metadata as metadata_rules

MSG_ID: Final = "Nats-Msg-Id"
EVENT: Final = "Pn-Event"
TRACEPARENT: Final = "traceparent"
ORIGIN_SUBJECT: Final = "Pn-Origin-Subject"
ORIGIN_ID: Final = "Pn-Origin-Id"
ORIGIN_SEQUENCE: Final = "Pn-Origin-Sequence"
DELIVERIES: Final = "Pn-Deliveries"
ERROR: Final = "Pn-Error"

_EVENT_VERSION: Final = "01-"


def subject(declared: str, key_field: str | None, key: str | None) -> str:
    """The subject of an event: the declared one, followed by the key as one token.

    Raises:
        StatusError: INVALID_ARGUMENT, for a key that cannot be a token.
    """
    if key_field is None:
        return declared
    return f"{declared}.{subjects.token(key or '', key_field)}"


def event_headers(
    *, event_id: str, event_type: str, metadata: Mapping[str, str], traceparent: str | None = None
) -> dict[str, str]:
    """The header lines of an event; `event_type` is the full name of its message.

    Raises:
        StatusError: INVALID_ARGUMENT, for an event id or metadata that break the rules.
    """
    metadata_rules.check_text(event_id, "an event id")
    metadata_rules.check(metadata)
    lines = {MSG_ID: event_id, EVENT: f"{_EVENT_VERSION}{event_type}"}
    if traceparent is not None:
        lines[TRACEPARENT] = traceparent
    return lines | dict(metadata)


def event_type(lines: Mapping[str, str]) -> str | None:
    """The full name of the message that a delivery carries; None where the header is missing.

    Raises:
        ValueError: The header has another version than 01, or is malformed.
    """
    value = lines.get(EVENT)
    if value is None:
        return None
    if not value.startswith(_EVENT_VERSION) or len(value) == len(_EVENT_VERSION):
        raise ValueError(f"the header {EVENT} is not readable: {value[:80]!r}")
    return value.removeprefix(_EVENT_VERSION)


def event_trace(lines: Mapping[str, str]) -> str | None:
    """The trace context of an event; None where there is none, or none that can be read."""
    value = lines.get(TRACEPARENT, "")
    return value if call.Trace.parse(value) is not None else None


def event_metadata(lines: Mapping[str, str]) -> dict[str, str]:
    """The metadata of an event; its trace context is not part of it."""
    return metadata_rules.read({name: lines[name] for name in lines if name != TRACEPARENT})


def dead_letter_subject(stream: str, consumer: str) -> str:
    """Where a message goes that a consumer could not handle."""
    return f"dlq.{stream}.{consumer}"


def dead_letter_headers(
    *,
    stream: str,
    consumer: str,
    sequence: int,
    subject: str,
    lines: Mapping[str, str],
    deliveries: int,
    error: str,
) -> dict[str, str]:
    """The header lines of a dead letter.

    Args:
        stream: The stream of the message.
        consumer: The durable consumer that could not handle it.
        sequence: Its sequence in the stream.
        subject: The subject that it was published to.
        lines: Its own header lines.
        deliveries: How often it was delivered.
        error: Why it could not be handled.
    """
    letter = {MSG_ID: f"{stream}.{sequence}.{consumer}"}
    if EVENT in lines:
        letter[EVENT] = lines[EVENT]
    letter[ORIGIN_SUBJECT] = subject
    if MSG_ID in lines:
        letter[ORIGIN_ID] = lines[MSG_ID]
    letter[ORIGIN_SEQUENCE] = str(sequence)
    letter[DELIVERIES] = str(deliveries)
    letter[ERROR] = status.header_text(error, default="UNKNOWN")
    return letter | metadata_rules.read(lines)
