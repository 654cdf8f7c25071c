"""Where an outbox keeps state and events: parts of a hash slot each."""

from __future__ import annotations

import zlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Partition:
    """One part of an outbox. All its keys are in one hash slot, so that a script may use them."""

    outbox: str
    """The name of the outbox."""

    number: int
    """Which part it is, from 0."""

    @property
    def tag(self) -> str:
        """What decides about the hash slot of a key."""
        return f"{{{self.outbox}:{self.number}}}"

    @property
    def hash_tag(self) -> bytes:
        """The same, without braces."""
        return self.tag[1:-1].encode()

    @property
    def entries(self) -> str:
        """The key of the Redis stream with the events that wait."""
        return f"protonats:outbox:{self.tag}:entries"

    @property
    def lease(self) -> str:
        """The key that tells who relays."""
        return f"protonats:outbox:{self.tag}:lease"

    def commit(self, change_id: str) -> str:
        """The key that tells that a change was made."""
        return f"protonats:outbox:{self.tag}:commit:{change_id}"

    def key(self, kind: str, entity_id: str) -> str:
        """The key of some state of an entity."""
        return f"{self.outbox}:{self.tag}:{kind}:{entity_id}"


@dataclass(frozen=True, slots=True)
class Partitions:
    """All parts of an outbox."""

    outbox: str
    """The name of the outbox."""

    count: int
    """How many parts it has: the same for its whole life, as keys depend on it."""

    def of(self, entity_id: str) -> Partition:
        """The part that an entity belongs to."""
        return Partition(self.outbox, zlib.crc32(entity_id.encode()) % self.count)

    def all(self) -> list[Partition]:
        """Each of them."""
        return [Partition(self.outbox, number) for number in range(self.count)]
