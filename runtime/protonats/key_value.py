"""Key-value buckets of JetStream, read and written so that no conflict is missed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import nats.errors
import nats.js.errors
from nats.js.kv import KV_DEL, KV_OP, KV_PURGE

from protonats._missing_stream import PROVISION
from protonats.errors import Code, StatusError

if TYPE_CHECKING:
    from nats.js.kv import KeyValue as NatsKeyValue

    from protonats.connection import Connection

__all__ = ["Entry", "KeyValue"]

_KEY: Final = re.compile(r"[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*")
_MAX_KEY: Final = 1024
_UNAVAILABLE: Final = (
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.NoRespondersError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.TimeoutError,
    nats.js.errors.NoStreamResponseError,
    nats.js.errors.ServiceUnavailableError,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a bucket has under one key."""

    value: bytes | None
    """The value; None where there is none, or none any more."""

    revision: int
    """The revision that the next write has to follow; 0 where nothing was ever written."""


class KeyValue:
    """One bucket; every write names the revision that it follows, so that nothing is overwritten
    unseen. `Application.key_value` opens it."""

    def __init__(self, connection: Connection, name: str, bucket: NatsKeyValue) -> None:
        self.name = name
        self._connection = connection
        self._bucket = bucket

    @classmethod
    async def open(cls, connection: Connection, name: str) -> KeyValue:
        """The bucket of this name.

        Raises:
            StatusError: FAILED_PRECONDITION, there is none, with the command that creates it;
                UNAVAILABLE, JetStream does not answer.
        """
        with _unavailable(name):
            try:
                return cls(connection, name, await connection.jetstream.key_value(name))
            except nats.js.errors.BucketNotFoundError:
                text = f"there is no key-value bucket {name}: create it with `{PROVISION}`"
                raise StatusError(Code.FAILED_PRECONDITION, text) from None

    async def read(self, key: str) -> Entry:
        """The newest entry under a key.

        Raises:
            StatusError: INVALID_ARGUMENT, a key with other characters than letters, digits and
                `-/_=.`, a dot at an end, or more than 1,024; UNAVAILABLE, JetStream does not
                answer.
        """
        _check(key)
        # Not nats-py's get: it may ask a replica, which may not have the newest entry yet.
        subject = f"$KV.{self.name}.{key}"
        with _unavailable(self.name):
            try:
                found = await self._connection.jetstream.get_msg(
                    f"KV_{self.name}", subject=subject, direct=False
                )
            except nats.js.errors.NotFoundError:
                return Entry(None, 0)
        deleted = (found.headers or {}).get(KV_OP) in (KV_DEL, KV_PURGE)
        return Entry(None if deleted else found.data or b"", found.seq or 0)

    async def write(self, key: str, value: bytes, *, after: int) -> int | None:
        """Writes a value if `after` is the key's revision; 0 if nothing was ever written there.

        Returns:
            The new revision; None if somebody else wrote in between.

        Raises:
            StatusError: INVALID_ARGUMENT for a key that `read` refuses; RESOURCE_EXHAUSTED for a
                value that is too large for a message; UNAVAILABLE, JetStream does not answer, and
                the value may be written.
        """
        _check(key)
        with _unavailable(self.name):
            try:
                return int(await self._bucket.update(key, value, last=after))
            except nats.js.errors.KeyWrongLastSequenceError:
                return None
            except nats.errors.MaxPayloadError:
                raise StatusError(
                    Code.RESOURCE_EXHAUSTED,
                    f"bucket {self.name}: a value of {len(value)} bytes, and the NATS server takes"
                    f" {self._connection.max_payload} bytes (max_payload), headers included",
                ) from None


def _check(key: str) -> None:
    # A wildcard would read what some other key holds.
    if not _KEY.fullmatch(key) or len(key) > _MAX_KEY:
        raise StatusError(
            Code.INVALID_ARGUMENT,
            f"{key[:64]!r} is no key of a bucket: write letters, digits and `-/_=.`, no dot at an"
            f" end, at most {_MAX_KEY} characters",
        )


@contextmanager
def _unavailable(bucket: str) -> Iterator[None]:
    try:
        yield
    except _UNAVAILABLE as error:
        reason = str(error) or type(error).__name__
        raise StatusError(Code.UNAVAILABLE, f"bucket {bucket} does not answer: {reason}") from error
