"""Accounts that an operator signs, and users with `.creds` files.

The servers read `operator.conf`: the operator, and the tokens of all accounts. It has no secrets,
and goes to the servers as `keys.conf` does in the other mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from protoc_gen_nats.access import Account, Import
from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.keys import claims
from protoc_gen_nats.keys.logins import UserKey, no_key, not_rotating, rotating_already
from protoc_gen_nats.keys.moments import moment_of, moment_text
from protoc_gen_nats.keys.places import CREDENTIALS, OPERATOR_STATE, Store, user
from protoc_gen_nats.keys.seeds import ACCOUNT, OPERATOR, USER, new_seed, public_key
from protoc_gen_nats.keys.tokens import credentials, issue, read_token, same_claims, token_of

__all__ = ["OPERATOR_CONF", "JwtLogin"]

OPERATOR_CONF: Final = "operator.conf"
_HEAD = """\
# The operator, and the accounts that it has signed, with what their users may do.
# Written by `protonats keys`: see it with `nsc` or any reader of JWTs.
"""
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_RETIRING: Final = "retiring_nkey"
_SINCE: Final = "nkey_since"


class JwtLogin:
    """An operator, and accounts in tokens."""

    def __init__(
        self,
        store: Store,
        accounts: Sequence[Account],
        now: Callable[[], datetime],
        *,
        name: str,
        system_account: str,
    ) -> None:
        """
        Args:
            store: Where all of it is kept.
            accounts: What is signed.
            now: The clock.
            name: What the operator is called.
            system_account: The account of the servers.
        """
        self._store = store
        self._accounts = accounts
        self._account_of = {one.name: account.name for account in accounts for one in account.users}
        self._now = now
        self._name = name
        self._system_account = system_account
        self._seeds: dict[str, str] = {}

    def create(self) -> list[str]:
        self._open(make=True)
        made = [name for name in self._account_of if CREDENTIALS not in self._read(name)]
        for name in made:
            self._give_key(name, retiring="")
        self._publish()
        return made

    def rotate(self, users: Sequence[str]) -> None:
        self._open()
        current = {}
        for name in users:
            fields = self._read(name)
            if fields.get(_RETIRING):
                raise rotating_already(name)
            if CREDENTIALS not in fields:
                raise no_key(name)
            current[name] = self._key(name, fields)
        for name, key in current.items():
            self._give_key(name, retiring=key)
        self._publish()

    def finish(self, users: Sequence[str]) -> None:
        self._open()
        retiring = {name: self._read(name).get(_RETIRING, "") for name in users}
        for name, key in retiring.items():
            if not key:
                raise not_rotating(name)
        moment = str(int(self._now().timestamp()))
        for name, key in retiring.items():
            self._seeds[f"revoked.{self._account_of[name]}.{key}"] = moment
        # First what refuses them: if this is interrupted, finishing again does no harm.
        self._store.write(OPERATOR_STATE, self._seeds)
        self._publish()
        for name in retiring:
            fields = self._read(name)
            del fields[_RETIRING]
            self._store.write(user(name), fields)

    def listed(self) -> list[UserKey]:
        return [*self._keys()]

    def _keys(self) -> Iterator[UserKey]:
        for name, account in self._account_of.items():
            fields = self._read(name)
            yield UserKey(
                user=name,
                account=account,
                key=self._key(name, fields) if CREDENTIALS in fields else "",
                since=moment_of(fields.get(_SINCE)),
                retiring=fields.get(_RETIRING, ""),
            )

    def _read(self, name: str) -> dict[str, str]:
        return self._store.read(user(name))

    def _key(self, name: str, fields: dict[str, str]) -> str:
        try:
            return str(read_token(token_of(fields[CREDENTIALS]))["sub"])
        except (ValueError, KeyError, IndexError):
            text = "its .creds is damaged: restore it from a backup, or remove it"
            raise UserError.of(text, Place(self._store.where(user(name)))) from None

    def _give_key(self, name: str, *, retiring: str) -> None:
        seed = new_seed(USER)
        token = issue(
            self._seeds[f"user.{name}"],
            subject=public_key(seed, name),
            name=name,
            moment=self._moment(),
            claims=claims.user_claims(self._public(f"account.{self._account_of[name]}")),
        )
        fields = self._read(name)
        fields |= {CREDENTIALS: credentials(token, seed), _SINCE: moment_text(self._now())}
        if retiring:
            fields[_RETIRING] = retiring
        self._store.write(user(name), fields)

    def _open(self, *, make: bool = False) -> None:
        """Reads the seeds of all who sign, and makes those that are not there yet."""
        self._seeds = self._store.read(OPERATOR_STATE)
        roles = {"operator": OPERATOR, "signing": OPERATOR}
        roles |= {f"account.{account.name}": ACCOUNT for account in self._accounts}
        roles |= {f"user.{name}": ACCOUNT for name in self._account_of}
        missing = [name for name in roles if name not in self._seeds]
        if not missing:
            return
        if not make:
            raise UserError.of("not everything is there yet: call `protonats keys create`")
        if "operator" not in self._seeds and self._store.published(OPERATOR_CONF):
            place = self._store.where(OPERATOR_STATE)
            raise UserError.of(
                f"{OPERATOR_CONF} is there, and what signed it is not: restore it from a backup, or"
                f" remove {OPERATOR_CONF} and all users to begin anew",
                Place(place),
            )
        self._seeds.setdefault("created", str(self._moment()))
        self._seeds |= {name: new_seed(roles[name]) for name in missing}
        self._store.write(OPERATOR_STATE, self._seeds)

    def _publish(self) -> None:
        old = self._published()
        operator = self._issued("operator", "operator", self._name, self._operator_claims(), old)
        tokens = {
            account.name: self._issued(
                "signing", f"account.{account.name}", account.name, self._claims(account), old
            )
            for account in self._accounts
        }
        lines = [
            _HEAD,
            f"operator: {operator}\n",
            f"system_account: {self._public(f'account.{self._system_account}')}\n",
            "resolver: MEMORY\n",
            "resolver_preload: {\n",
            *(f"  {self._public(f'account.{name}')}: {one}\n" for name, one in tokens.items()),
            "}\n",
        ]
        self._store.publish(OPERATOR_CONF, "".join(lines))

    def _published(self) -> dict[str, str]:
        """The tokens that the servers have, by the public keys that they are about."""
        tokens = _TOKEN.findall(self._store.published(OPERATOR_CONF))
        try:
            return {str(read_token(token)["sub"]): token for token in tokens}
        except (ValueError, KeyError):
            return {}

    def _issued(
        self, by: str, about: str, name: str, said: dict[str, Any], old: dict[str, str]
    ) -> str:
        """A token, or the old one if that says the same: so that what has not changed stays."""
        subject = self._public(about)
        token = issue(
            self._seeds[by], subject=subject, name=name, moment=self._moment(), claims=said
        )
        before = old.get(subject)
        return before if before and same_claims(before, token) else token

    def _operator_claims(self) -> dict[str, Any]:
        system = self._public(f"account.{self._system_account}")
        return claims.operator_claims(self._public("signing"), system)

    def _claims(self, account: Account) -> dict[str, Any]:
        signers = claims.Signers(
            accounts={one.name: self._public(f"account.{one.name}") for one in self._accounts},
            users={name: self._public(f"user.{name}") for name in self._account_of},
        )
        prefix = f"revoked.{account.name}."
        revocations = {
            field.removeprefix(prefix): int(moment)
            for field, moment in self._seeds.items()
            if field.startswith(prefix)
        }
        importer = signers.accounts[account.name]

        def leave(one: Import) -> str:
            return issue(
                self._seeds[f"account.{one.account}"],
                subject=importer,
                name=one.subject,
                moment=int(self._seeds["created"]),
                claims=claims.shared_claims(one),
            )

        return claims.account_claims(account, signers, revocations, leave)

    def _public(self, name: str) -> str:
        return public_key(self._seeds[name], self._store.where(OPERATOR_STATE))

    def _moment(self) -> int:
        return int(self._now().timestamp())
