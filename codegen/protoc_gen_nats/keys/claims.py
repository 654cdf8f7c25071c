"""What the tokens of JWT mode say: of accounts and users the same as `accounts.conf`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from protoc_gen_nats.access import Account, Export, Import, User

__all__ = ["Signers", "account_claims", "operator_claims", "shared_claims", "user_claims"]

_UNLIMITED: Final = -1
_SECOND: Final = 1_000_000_000
"""In nanoseconds, as tokens have durations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signers:
    """The public keys that an account's token names."""

    accounts: Mapping[str, str]
    """Of the accounts, by name."""

    users: Mapping[str, str]
    """What signs a user, by the user's name: a key of its own for each, and what the user may do is
    bound to that key. So permissions change with the account's token, and the user's stays."""


def operator_claims(signing_key: str, system_account: str) -> dict[str, Any]:
    """Of the operator. What the operator's and the accounts' own keys sign in place of the keys
    that are for it is refused."""
    return {
        "type": "operator",
        "signing_keys": [signing_key],
        "system_account": system_account,
        "strict_signing_key_usage": True,
    }


def account_claims(
    account: Account,
    signers: Signers,
    revocations: Mapping[str, int],
    token: Callable[[Import], str],
) -> dict[str, Any]:
    """Of an account.

    Args:
        account: The account.
        signers: Public keys.
        revocations: Public keys of users that are refused, and since when.
        token: The leave of the other account to import something.
    """
    claims: dict[str, Any] = {
        "type": "account",
        "limits": _limits(account),
        "signing_keys": [_scope(one, signers) for one in account.users],
        "default_permissions": {"pub": {}, "sub": {}},
    }
    if account.exports:
        claims["exports"] = [_export(one) for one in account.exports]
    if account.imports:
        claims["imports"] = [_import(one, signers, token(one)) for one in account.imports]
    if revocations:
        claims["revocations"] = dict(revocations)
    return claims


def shared_claims(one: Import) -> dict[str, Any]:
    """Of the leave to import something."""
    return {"type": "activation", "subject": one.subject, "kind": one.kind}


def user_claims(account: str) -> dict[str, Any]:
    """Of a user, with the public key of its account. What it may do is not said here."""
    return {"type": "user", "issuer_account": account}


def _limits(account: Account) -> dict[str, Any]:
    unlimited = ("subs", "data", "payload", "imports", "exports", "conn", "leaf")
    limits: dict[str, Any] = dict.fromkeys(unlimited, _UNLIMITED)
    limits["wildcards"] = True
    if account.jetstream:
        limits |= {
            "mem_storage": 0,
            "disk_storage": _UNLIMITED,
            "streams": account.jetstream.max_streams,
            "consumer": account.jetstream.max_consumers,
        }
    return limits


def _scope(user: User, signers: Signers) -> dict[str, Any]:
    unlimited = dict.fromkeys(("subs", "data", "payload"), _UNLIMITED)
    return {
        "kind": "user_scope",
        "key": signers.users[user.name],
        "role": user.name,
        "template": {
            "pub": _allowed(user.permissions.publish),
            "sub": _allowed(user.permissions.subscribe),
            **unlimited,
        },
    }


def _allowed(subjects: Sequence[str]) -> dict[str, Any]:
    # No list at all would allow everything.
    return {"allow": list(subjects)} if subjects else {"deny": [">"]}


def _export(one: Export) -> dict[str, Any]:
    # With a token: not for everybody.
    claims: dict[str, Any] = {
        "name": one.subject,
        "subject": one.subject,
        "type": one.kind,
        "token_req": True,
    }
    if one.response:
        claims["response_type"] = one.response.capitalize()
    if one.threshold:
        claims["response_threshold"] = int(one.threshold) * _SECOND
    return claims


def _import(one: Import, signers: Signers, token: str) -> dict[str, Any]:
    claims = {
        "name": one.subject,
        "subject": one.subject,
        "account": signers.accounts[one.account],
        "type": one.kind,
        "token": token,
    }
    if one.local:
        claims["local_subject"] = one.local
    return claims
