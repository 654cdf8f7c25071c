"""Reading stored messages without a consumer (JetStream Direct Get, ADR-31)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from protonats._transport.message import Message
from protonats._wire import headers
from protonats.testing._local.stream import LocalStream, Stored, timestamp

_NOT_FOUND: Final = headers.encode({}, status="404 Message Not Found")
_FRACTION: Final = re.compile(r"(\.[0-9]{1,6})[0-9]*")


def answers(stream: LocalStream[Any], request: dict[str, Any], reply: str) -> Iterator[Message]:
    """What is answered to a request: messages, and how they end."""
    stream.expire()
    found = _found(stream, request)
    if "batch" not in request and "multi_last" not in request:
        if not found:
            yield Message(reply, "", _NOT_FOUND, b"")
            return
        yield _message(stream, found[0], reply, {})
        return
    if not found:
        yield Message(reply, "", _NOT_FOUND, b"")
        return
    chosen = _within(found, int(request.get("batch") or len(found)), request.get("max_bytes"))
    before = 0
    for index, stored in enumerate(chosen):
        lines = {"Nats-Num-Pending": str(len(found) - index - 1), "Nats-Last-Sequence": str(before)}
        yield _message(stream, stored, reply, lines)
        before = stored.sequence
    lines = {
        "Nats-Num-Pending": str(len(found) - len(chosen)),
        "Nats-Last-Sequence": str(before),
    }
    if "multi_last" in request:
        lines["Nats-UpTo-Sequence"] = str(request.get("up_to_seq") or stream.last_sequence)
    yield Message(reply, "", headers.encode(lines, status="204 EOB"), b"")


def _found(stream: LocalStream[Any], request: dict[str, Any]) -> list[Stored]:
    first = int(request.get("seq") or 1)
    if "last_by_subj" in request:
        last = stream.last(request["last_by_subj"])
        return [] if last is None else [last]
    if "multi_last" in request:
        up_to = int(request.get("up_to_seq") or stream.last_sequence)
        newest = {
            stored.subject: stored
            for pattern in request["multi_last"]
            for stored in stream.matching(pattern)
            if stored.sequence <= up_to
        }
        chosen = [stored for stored in newest.values() if stored.sequence >= first]
        return sorted(chosen, key=lambda stored: stored.sequence)
    if "next_by_subj" in request:
        since = _nanoseconds(request["start_time"]) if "start_time" in request else 0
        matching = stream.matching(request["next_by_subj"], first)
        return [stored for stored in matching if stored.nanoseconds >= since]
    one = stream.messages.get(first)
    return [] if one is None else [one]


def _within(found: list[Stored], batch: int, max_bytes: int | None) -> list[Stored]:
    size, chosen = 0, list[Stored]()
    for stored in found[:batch]:
        size += len(stored.block) + len(stored.body)
        if chosen and max_bytes and size > max_bytes:
            break
        chosen.append(stored)
    return chosen


def _message(
    stream: LocalStream[Any], stored: Stored, reply: str, lines: dict[str, str]
) -> Message:
    said = {
        "Nats-Stream": stream.name,
        "Nats-Subject": stored.subject,
        "Nats-Sequence": str(stored.sequence),
        "Nats-Time-Stamp": timestamp(stored.nanoseconds),
        **lines,
    }
    block = headers.encode(said)
    if stored.block:
        # Behind the lines of the publisher, as the server writes it.
        block = stored.block[: -len(b"\r\n")] + block.partition(b"\r\n")[2]
    return Message(reply, "", block, stored.body)


def _nanoseconds(text: str) -> int:
    moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text).replace("Z", "+00:00"))
    delta = moment - datetime.fromtimestamp(0, UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000
