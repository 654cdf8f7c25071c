"""A stream of JetStream: messages in order, and what may be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from protonats._transport.message import Message
from protonats._wire import headers, subjects

_DUPLICATE_WINDOW: Final = 120_000_000_000
_MSG_ID: Final = b"Nats-Msg-Id"
_LAST_OF_SUBJECT: Final = b"Nats-Expected-Last-Subject-Sequence"
_EXPECTED_STREAM: Final = b"Nats-Expected-Stream"
_ROLLUP: Final = b"Nats-Rollup"


class ApiError(Exception):
    """What JetStream refuses; numbers and texts are those of nats-server's errors.json."""

    def __init__(self, code: int, number: int, description: str) -> None:
        super().__init__(description)
        self.error = {"code": code, "err_code": number, "description": description}


class Stored(NamedTuple):
    """A stored message."""

    sequence: int
    """Its sequence in the stream."""

    subject: str
    """What it was published to."""

    block: bytes
    """Its header block."""

    body: bytes
    """Its body."""

    nanoseconds: int
    """When it was stored, since 1970."""


class Reader(Protocol):
    """What a stream tells its consumers, and asks them."""

    def wants(self, subject: str) -> bool:
        """Whether messages to a subject are delivered to it."""
        ...

    def stored(self, stored: Stored) -> None:
        """There is a new message."""

    def removed(self, stored: Stored) -> None:
        """A message is deleted."""

    def is_done(self, sequence: int) -> bool:
        """Whether a message needs no further delivery."""
        ...


ReaderT = TypeVar("ReaderT", bound=Reader)


class LocalStream(Generic[ReaderT]):
    """One stream.

    Attributes:
        config: Its configuration, as the API of JetStream writes it.
        messages: What it holds, by sequence, in order.
        last_sequence: The sequence of what was stored last.
        consumers: Its consumers, by name.
    """

    def __init__(self, config: dict[str, Any], wall_time: Callable[[], int]) -> None:
        self.config = config
        self.messages: dict[int, Stored] = {}
        self.last_sequence = 0
        self.consumers: dict[str, ReaderT] = {}
        self._wall_time = wall_time
        self._created = wall_time()
        self._ids: dict[bytes, tuple[int, int]] = {}

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.config["name"])

    def stores(self, pattern: str) -> bool:
        """Whether it stores messages that a subject, with wildcards, can stand for."""
        return any(overlap(subject, pattern) for subject in self.config.get("subjects") or ())

    def store(self, message: Message) -> dict[str, Any]:
        """Stores a published message, and returns the acknowledgement.

        Raises:
            ApiError: It is refused.
        """
        now = self._wall_time()
        self.expire()
        identity = headers.first(message.block, _MSG_ID)
        if identity is not None:
            self._forget_ids(now)
            if identity in self._ids:
                sequence = self._ids[identity][0]
                return {"stream": self.name, "seq": sequence, "duplicate": True}
        self._check(message)
        if headers.first(message.block, _ROLLUP) == b"sub":
            self.remove(lambda stored: stored.subject == message.subject)
        self.last_sequence = sequence = self.last_sequence + 1
        stored = Stored(sequence, message.subject, message.block, message.body, now)
        if identity is not None:
            self._ids[identity] = sequence, now
        self.messages[sequence] = stored
        self._keep_limits(message.subject)
        for consumer in tuple(self.consumers.values()):
            consumer.stored(stored)
        self.settle(stored)
        return {"stream": self.name, "seq": sequence}

    def matching(self, pattern: str, first: int = 1) -> Iterator[Stored]:
        """The messages whose subject fits, from a sequence on."""
        for stored in tuple(self.messages.values()):
            if stored.sequence >= first and subjects.matches(pattern, stored.subject):
                yield stored

    def last(self, pattern: str) -> Stored | None:
        """The newest message whose subject fits."""
        for stored in reversed(self.messages.values()):
            if subjects.matches(pattern, stored.subject):
                return stored
        return None

    def remove(self, unwanted: Callable[[Stored], bool]) -> int:
        """Deletes messages, and returns how many."""
        sequences = [stored.sequence for stored in self.messages.values() if unwanted(stored)]
        for sequence in sequences:
            stored = self.messages.pop(sequence)
            for consumer in self.consumers.values():
                consumer.removed(stored)
        return len(sequences)

    def settle(self, stored: Stored) -> None:
        """Deletes a message that all are done with, where the stream keeps no other."""
        retention = self.config.get("retention") or "limits"
        if retention == "limits" or stored.sequence not in self.messages:
            return
        wanting = [item for item in self.consumers.values() if item.wants(stored.subject)]
        if retention == "workqueue" and not wanting:
            return
        if all(consumer.is_done(stored.sequence) for consumer in wanting):
            del self.messages[stored.sequence]

    def expire(self) -> None:
        """Deletes what is older than the stream keeps."""
        age = self.config.get("max_age") or 0
        if age:
            oldest = self._wall_time() - age
            self.remove(lambda stored: stored.nanoseconds < oldest)

    def info(self) -> dict[str, Any]:
        """The stream, as the API of JetStream describes it."""
        self.expire()
        held = self.messages.values()
        state = {
            "messages": len(held),
            "bytes": sum(len(stored.block) + len(stored.body) for stored in held),
            "first_seq": min(self.messages, default=self.last_sequence + 1),
            "last_seq": self.last_sequence,
            "consumer_count": len(self.consumers),
        }
        return {"config": self.config, "created": timestamp(self._created), "state": state}

    def _check(self, message: Message) -> None:
        largest = self.config.get("max_msg_size") or -1
        if 0 < largest < len(message.block) + len(message.body):
            raise ApiError(400, 10054, "message size exceeds maximum allowed")
        wanted = headers.first(message.block, _EXPECTED_STREAM)
        if wanted is not None and wanted.decode() != self.name:
            raise ApiError(400, 10060, "expected stream does not match")
        expected = headers.first(message.block, _LAST_OF_SUBJECT)
        if expected is not None:
            last = self.last(message.subject)
            sequence = 0 if last is None else last.sequence
            if sequence != int(expected):
                raise ApiError(400, 10071, f"wrong last sequence: {sequence}")
        limit = self.config.get("max_msgs") or -1
        if self.config.get("discard") == "new" and 0 < limit <= len(self.messages):
            raise ApiError(503, 10077, "maximum messages exceeded")

    def _keep_limits(self, subject: str) -> None:
        per_subject = self.config.get("max_msgs_per_subject") or -1
        if per_subject > 0:
            self._keep([stored.sequence for stored in self.matching(subject)], per_subject)
        limit = self.config.get("max_msgs") or -1
        if limit > 0:
            self._keep(list(self.messages), limit)

    def _keep(self, sequences: list[int], count: int) -> None:
        surplus = frozenset(sequences[:-count])
        if surplus:
            self.remove(lambda stored: stored.sequence in surplus)

    def _forget_ids(self, now: int) -> None:
        window = self.config.get("duplicate_window") or _DUPLICATE_WINDOW
        for identity, (_, stored_at) in tuple(self._ids.items()):
            if now - stored_at < window:
                return
            del self._ids[identity]


def overlap(one: str, other: str) -> bool:
    """Whether a subject can fit both patterns."""
    for left, right in zip(one.split("."), other.split("."), strict=False):
        if ">" in (left, right):
            return True
        if left != right and "*" not in (left, right):
            return False
    return one.count(".") == other.count(".")


def timestamp(nanoseconds: int) -> str:
    """A point in time, as the API of JetStream writes it."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
