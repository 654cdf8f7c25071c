"""Events and dead letters: section 11 of the wire protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from protonats._wire import call, headers, status, subjects
from protonats._wire import metadata as metadata_rules

MSG_ID: Final = "Nats-Msg-Id"
EVENT: Final = "Pn-Event"
TRACEPARENT: Final = "traceparent"
ORIGIN_SUBJECT: Final = "Pn-Origin-Subject"
ORIGIN_ID: Final = "Pn-Origin-Id"
ORIGIN_SEQUENCE: Final = "Pn-Origin-Sequence"
DELIVERIES: Final = "Pn-Deliveries"
ERROR: Final = "Pn-Error"

REPLAY: Final = "Pn-Replay"
REST: Final = "Pn-Rest"
REST_OF: Final = "Pn-Rest-Of"

_EVENT_VERSION: Final = "01-"
_BLOCK_START: Final = f"NATS/1.0\r\n{MSG_ID}: ".encode()
_MAX_ID: Final = 128


def subject(declared: str, key_field: str | None, key: str | None) -> str:
    """The subject of an event: the declared one, followed by the key as one token.

    Raises:
        StatusError: INVALID_ARGUMENT, for a key that cannot be a token.
    """
    if key_field is None:
        return declared
    return f"{declared}.{subjects.token(key or '', key_field)}"


def type_line(event_type: str) -> bytes:
    """The header line that says which message an event is; `event_type` is its full name."""
    return b"\r\nPn-Event: " + type_value(event_type) + b"\r\n"


def type_value(event_type: str) -> bytes:
    """The value of `Pn-Event` for a message with this full name."""
    return f"{_EVENT_VERSION}{event_type}".encode()


def event_block(
    event_id: str, line: bytes, metadata: Mapping[str, str] | None, traceparent: str | None
) -> bytes:
    """The header block of an event.

    Args:
        event_id: Its id, for which `metadata.check_text` holds.
        line: Which message it is, made by `type_line`.
        metadata: What travels along.
        traceparent: W3C Trace Context; None for none.

    Raises:
        StatusError: INVALID_ARGUMENT, for metadata that break the rules.
    """
    block = _BLOCK_START + event_id.encode() + line
    if traceparent is not None:
        block += f"{TRACEPARENT}: {traceparent}\r\n".encode()
    if metadata:
        metadata_rules.check(metadata)
        for name, value in metadata.items():
            block += f"{name}: {value}\r\n".encode()
    return block + b"\r\n"


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


def block_trace(block: bytes) -> str | None:
    """The trace context of an event, out of its header block."""
    if b"\r\ntraceparent:" not in block:
        return None
    value = headers.first(block, b"traceparent")
    return None if value is None else event_trace({TRACEPARENT: value.decode("ascii", "replace")})


def is_replay(block: bytes) -> bool:
    """Whether this is the header block of an event that was replayed."""
    return b"\r\nPn-Replay:" in block


def event_metadata(lines: Mapping[str, str]) -> dict[str, str]:
    """The metadata of an event; its trace context is not part of it."""
    return metadata_rules.read({name: lines[name] for name in lines if name != TRACEPARENT})


def event_id(lines: Mapping[str, str]) -> str:
    """The id of an event: of one that was replayed, that of the original; empty without one."""
    return lines.get(ORIGIN_ID if REPLAY in lines else MSG_ID, "")


def is_for(lines: Mapping[str, str], stream: str, consumer: str) -> bool:
    """Whether a consumer handles an event: one that was replayed is for the consumer that could not
    handle it, and for no other."""
    letter = lines.get(REPLAY)
    if letter is None:
        return True
    addressee, _, rest = letter.partition(".")
    return addressee == stream and rest.partition(".")[2] == consumer


def dead_letter_subject(stream: str, consumer: str) -> str:
    """Where a message goes that a consumer could not handle."""
    return f"dlq.{stream}.{consumer}"


def dead_letter_id(stream: str, sequence: int, consumer: str) -> str:
    """The id of the dead letter of a message: it does not become two."""
    return f"{stream}.{sequence}.{consumer}"


def rest_headers(letter: str) -> dict[str, str]:
    """The header lines of the second half of a dead letter's body; `letter` is the letter's id."""
    return {MSG_ID: f"{letter}.rest", REST_OF: letter}


def replay_headers(lines: Mapping[str, str]) -> dict[str, str]:
    """The header lines with which the event of a dead letter, whose own `lines` are, is published
    again."""
    letter = lines.get(MSG_ID, "")
    event = {MSG_ID: _replay_id(letter)}
    event |= {name: lines[name] for name in (EVENT, TRACEPARENT, ORIGIN_ID) if name in lines}
    event[REPLAY] = letter
    return event | event_metadata(lines)


def _replay_id(letter: str) -> str:
    # A second replay of one letter is a duplicate. An id is bounded, names of streams are not.
    text = f"replay.{letter}"
    return text if len(text) <= _MAX_ID else hashlib.sha256(letter.encode()).hexdigest()


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
        deliveries: How often it was delivered to be handled.
        error: Why it could not be handled.
    """
    letter = {MSG_ID: dead_letter_id(stream, sequence, consumer)}
    if EVENT in lines:
        letter[EVENT] = lines[EVENT]
    letter[ORIGIN_SUBJECT] = subject
    if origin_id := event_id(lines):
        letter[ORIGIN_ID] = origin_id
    letter[ORIGIN_SEQUENCE] = str(sequence)
    letter[DELIVERIES] = str(deliveries)
    letter[ERROR] = status.header_text(error, default="UNKNOWN")
    return letter | metadata_rules.read(lines)
