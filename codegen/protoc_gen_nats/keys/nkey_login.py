"""Nkeys that the servers know from `keys.conf`.

They know two of each user: the one that it has, and the one that it has next. So a user takes its
next key at any moment, and no server has to be told at the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from protoc_gen_nats.access import Account, key_variable, next_key_variable
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.keys.logins import UserKey, no_key, not_rotating, rotating_already
from protoc_gen_nats.keys.moments import moment_of, moment_text
from protoc_gen_nats.keys.places import SEED, Store, user
from protoc_gen_nats.keys.seeds import USER, new_seed, public_key

__all__ = ["KEYS_CONF", "NkeyLogin"]

KEYS_CONF: Final = "keys.conf"
_HEAD = """\
# The public keys of the users: the one of each that is in use, and the other that is taken as well.
# Written by `protonats keys`.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Keys:
    """What a user has. Of its next key and the one that retires there is always exactly one."""

    seed: str
    since: str
    next_seed: str = ""
    next_since: str = ""
    retiring: str = ""


class NkeyLogin:
    """Static accounts, with nkeys."""

    def __init__(
        self, store: Store, accounts: Sequence[Account], now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._accounts = {one.name: account.name for account in accounts for one in account.users}
        self._now = now

    def create(self) -> list[str]:
        made = []
        for name in self._accounts:
            keys = self._read(name)
            if keys is None:
                made.append(name)
                keys = _Keys(seed=new_seed(USER), since=self._moment())
            if not keys.next_seed and not keys.retiring:
                self._write(name, self._with_next(keys))
        self._publish()
        return made

    def rotate(self, users: Sequence[str]) -> None:
        rotated = {name: self._rotated(name) for name in users}
        for name, keys in rotated.items():
            self._write(name, keys)
        self._publish()

    def finish(self, users: Sequence[str]) -> None:
        finished = {name: self._finished(name) for name in users}
        for name, keys in finished.items():
            self._write(name, keys)
        self._publish()

    def listed(self) -> list[UserKey]:
        return [*self._keys()]

    def _keys(self) -> Iterator[UserKey]:
        for name, account in self._accounts.items():
            keys = self._read(name)
            yield UserKey(
                user=name,
                account=account,
                key=self._public(name, keys.seed) if keys else "",
                since=moment_of(keys.since) if keys else None,
                retiring=keys.retiring if keys else "",
            )

    def _rotated(self, name: str) -> _Keys:
        keys = self._read(name)
        if keys is None:
            raise no_key(name)
        if keys.retiring:
            raise rotating_already(name)
        self._check_published(name, keys)
        return _Keys(
            seed=keys.next_seed,
            since=self._moment(),
            retiring=self._public(name, keys.seed),
        )

    def _check_published(self, name: str, keys: _Keys) -> None:
        """The servers have to know the next key before anybody logs in with it."""
        line = f"{next_key_variable(name)}: {self._public(name, keys.next_seed)}"
        if not keys.next_seed or line not in self._store.published(KEYS_CONF).splitlines():
            raise UserError.of(
                f"the next key of {name} is not in {KEYS_CONF}: put it there with `protonats keys"
                " create`, and have the servers read it"
            )
        made = moment_of(keys.next_since)
        settled = made and made + timedelta(seconds=self._store.settling)
        if settled and settled > self._now():
            raise UserError.of(
                f"the next key of {name} is too new for all servers to know it: wait until"
                f" {moment_text(settled)}"
            )

    def _finished(self, name: str) -> _Keys:
        keys = self._read(name)
        if keys is None or not keys.retiring:
            raise not_rotating(name)
        return self._with_next(replace(keys, retiring=""))

    def _with_next(self, keys: _Keys) -> _Keys:
        return replace(keys, next_seed=new_seed(USER), next_since=self._moment())

    def _publish(self) -> None:
        lines = []
        for name in self._accounts:
            if keys := self._read(name):
                other = keys.retiring or self._public(name, keys.next_seed)
                lines.append(f"{key_variable(name)}: {self._public(name, keys.seed)}\n")
                lines.append(f"{next_key_variable(name)}: {other}\n")
        self._store.publish(KEYS_CONF, _HEAD + "".join(lines))

    def _read(self, name: str) -> _Keys | None:
        fields = self._store.read(user(name))
        if SEED not in fields:
            return None
        return _Keys(
            seed=fields[SEED],
            since=fields.get("nkey_since", ""),
            next_seed=fields.get("next_nkey_seed", ""),
            next_since=fields.get("next_nkey_since", ""),
            retiring=fields.get("retiring_nkey", ""),
        )

    def _write(self, name: str, keys: _Keys) -> None:
        own = {
            SEED: keys.seed,
            "nkey_since": keys.since,
            "next_nkey_seed": keys.next_seed,
            "next_nkey_since": keys.next_since,
            "retiring_nkey": keys.retiring,
        }
        fields = self._store.read(user(name)) | own
        self._store.write(user(name), {field: text for field, text in fields.items() if text})

    def _public(self, name: str, seed: str) -> str:
        return public_key(seed, self._store.where(user(name)))

    def _moment(self) -> str:
        return moment_text(self._now())
