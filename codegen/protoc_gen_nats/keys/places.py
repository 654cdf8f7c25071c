"""Where keys and certificates are kept, and what of them there is for whom."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = [
    "CA",
    "CERTIFICATE",
    "CREDENTIALS",
    "OPERATOR_KEYS",
    "OPERATOR_STATE",
    "PRIVATE_KEY",
    "SEED",
    "Holder",
    "Store",
    "node",
    "user",
]

SEED: Final = "nkey_seed"
CREDENTIALS: Final = "creds"
CA: Final = "ca"
CERTIFICATE: Final = "certificate"
PRIVATE_KEY: Final = "private_key"


@dataclass(frozen=True, order=True, slots=True)
class Holder:
    """One who has keys or certificates."""

    kind: str
    """`users`, `nodes`, or empty: what signs the users of JWT mode."""

    name: str

    @property
    def path(self) -> str:
        """Where it is, below the place of a store."""
        return f"{self.kind}/{self.name}" if self.kind else self.name


OPERATOR_KEYS: Final = "operator-keys"
"""The name of what signs users in JWT mode. No user is called so: their names have no hyphens."""

OPERATOR_STATE: Final = Holder("", OPERATOR_KEYS)


def user(name: str) -> Holder:
    """A user of NATS."""
    return Holder("users", name)


def node(name: str) -> Holder:
    """A server."""
    return Holder("nodes", name)


class Store(Protocol):
    """A place for secrets, and for what the servers read, which is no secret."""

    settling: float
    """Seconds until the servers have read what was published; 0: who publishes sees to that."""

    def alone(self) -> AbstractContextManager[object]:
        """Waits until no other run changes what is here, and keeps others waiting."""
        ...

    def where(self, holder: Holder) -> str:
        """The place of a holder's secrets, for messages."""
        ...

    def read(self, holder: Holder) -> dict[str, str]:
        """What a holder has, by field; nothing where there is nothing yet.

        Raises:
            UserError: It cannot be read, or is damaged.
        """
        ...

    def write(self, holder: Holder, fields: Mapping[str, str]) -> None:
        """Replaces all that a holder has.

        Raises:
            UserError: It cannot be written.
        """
        ...

    def published(self, name: str) -> str:
        """A file that the servers read; empty where there is none."""
        ...

    def publish(self, name: str, content: str) -> None:
        """Replaces a file that the servers read.

        Raises:
            UserError: It cannot be written.
        """
        ...
