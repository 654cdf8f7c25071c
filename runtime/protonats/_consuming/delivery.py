"""Deliveries of a consumer's messages: which one this is, and what follows when it fails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from protonats._transport.message import Message
from protonats._wire.numbers import MAX_DIGITS
from protonats.errors import ConfigurationError

MAX_DELIVER: Final = "protonats.max_deliver"
BACKOFF: Final = "protonats.backoff"

DEFAULT_BACKOFF: Final = (1.0, 5.0, 30.0)

# `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<stream sequence>.
# <consumer sequence>.<nanoseconds>.<pending>[.<random>…]`: short without a domain, else long.
_SHORT_FORM: Final = 9


class Delivery(NamedTuple):
    """What the reply subject of a delivered message says (nats-server, ADR-15)."""

    stream: str
    """The stream that the message is stored in."""

    consumer: str
    """The consumer that it was delivered through."""

    number: int
    """How often it was delivered, this time included."""

    sequence: int
    """Its sequence in the stream."""

    nanoseconds: int
    """When the stream stored it, since 1970."""

    @classmethod
    def parse(cls, reply: str) -> Self | None:
        """Reads the reply subject of a message; None if it is not one of a delivery."""
        tokens = reply.split(".")
        if len(tokens) > _SHORT_FORM:
            del tokens[2:4]
        if len(tokens) < _SHORT_FORM or tokens[0] != "$JS" or tokens[1] != "ACK":
            return None
        numbers = tokens[4:_SHORT_FORM]
        digits = "".join(numbers)
        if "" in numbers or not digits.isdecimal() or not digits.isascii():
            return None
        if max(map(len, numbers)) > MAX_DIGITS:
            return None
        stream, consumer, number, sequence, _, nanoseconds, _ = tokens[2:_SHORT_FORM]
        return cls(stream, consumer, int(number), int(sequence), int(nanoseconds))

    @classmethod
    def read(cls, message: Message) -> Self:
        """What is said about a message that `parse` can read."""
        delivery = cls.parse(message.reply)
        assert delivery is not None
        return delivery


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPolicy:
    """What becomes of a message whose handler fails.

    It stands in the consumer's metadata, where the provisioning writes it and every instance reads
    it: the server's own limit would drop the message of a process that dies during the last one.
    """

    max_deliver: int | None = None
    """How often it is handed to the handler before it is a dead letter; None: without limit."""

    backoff: tuple[float, ...] = DEFAULT_BACKOFF
    """Seconds before the second, third, … delivery; the last value holds for all that follow."""

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None) -> Self:
        """Reads the metadata of a consumer; what is missing has its default.

        Raises:
            ConfigurationError: A value is malformed.
        """
        found = metadata or {}
        limit, backoff = found.get(MAX_DELIVER), found.get(BACKOFF)
        try:
            return cls(
                max_deliver=None if limit is None else _positive(int(limit)),
                backoff=tuple(map(_seconds, backoff.split(","))) if backoff else DEFAULT_BACKOFF,
            )
        except ValueError as error:
            raise ConfigurationError(
                f"metadata of the consumer: {MAX_DELIVER} is {limit!r}, {BACKOFF} is {backoff!r}:"
                f" write a number above 0, and seconds separated by commas ({error})"
            ) from None

    def to_metadata(self) -> dict[str, str]:
        """The metadata that says this."""
        metadata = {BACKOFF: ",".join(f"{seconds:g}" for seconds in self.backoff)}
        if self.max_deliver is not None:
            metadata[MAX_DELIVER] = str(self.max_deliver)
        return metadata

    def is_exhausted(self, delivery: int) -> bool:
        """Whether delivery number `delivery`, 1 for the first, is one more than allowed."""
        return self.max_deliver is not None and delivery > self.max_deliver

    def delay(self, delivery: int) -> float:
        """Seconds to wait after delivery number `delivery` failed.

        There is nothing to wait for after the last one: what follows is the dead letter.
        """
        if self.max_deliver is not None and delivery >= self.max_deliver:
            return 0.0
        return self.backoff[min(delivery, len(self.backoff)) - 1]


def _positive(value: int) -> int:
    if value < 1:
        raise ValueError(f"{value} is not above 0")
    return value


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{text} is not a number of seconds")
    return seconds
