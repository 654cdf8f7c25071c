"""What the two ways to log in have in common: keys that are made, and replaced in two steps.

`rotate` gives a user another key while the servers take both, `finish` has them refuse the old one.
In between, its services move from one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from protoc_gen_nats.access import Account
from protoc_gen_nats.errors import UserError, did_you_mean

__all__ = ["Login", "UserKey", "check_users", "no_key", "not_rotating", "rotating_already"]


@dataclass(frozen=True, kw_only=True, slots=True)
class UserKey:
    """The key of a user."""

    user: str
    account: str
    key: str
    """The public key; empty: it has none yet."""

    since: datetime | None
    retiring: str
    """The public key that it had before and that the servers still take; empty: there is none."""


class Login(Protocol):
    """A way to log in."""

    def create(self) -> list[str]:
        """Gives a key to each user that has none, and publishes what the servers have to know;
        returns these users."""
        ...

    def rotate(self, users: Sequence[str]) -> None:
        """Gives users another key. The servers take the old one as well.

        Raises:
            UserError: A user is being rotated already, or has no key. Nothing has changed.
        """
        ...

    def finish(self, users: Sequence[str]) -> None:
        """Has the servers refuse the keys that users had before.

        Raises:
            UserError: A user is not being rotated. Nothing has changed.
        """
        ...

    def listed(self) -> list[UserKey]:
        """The keys of all users."""
        ...


def check_users(users: Sequence[str], accounts: Sequence[Account]) -> None:
    """Checks that there are such users.

    Raises:
        UserError: There are not.
    """
    known = [one.name for account in accounts for one in account.users]
    for name in users:
        if name not in known:
            raise UserError.of(f"there is no user {name!r}: {did_you_mean(name, known)}")


def rotating_already(user: str) -> UserError:
    """What is said to a second rotation."""
    return UserError.of(
        f"the key of {user} is being rotated already: when its services log in with the new one,"
        f" end that with `protonats keys rotate --finish {user}`"
    )


def not_rotating(user: str) -> UserError:
    """What is said to the end of no rotation."""
    return UserError.of(
        f"the key of {user} is not being rotated: begin with `protonats keys rotate {user}`"
    )


def no_key(user: str) -> UserError:
    """What is said to a rotation of what is not there."""
    return UserError.of(f"{user} has no key yet: make it with `protonats keys create`")
