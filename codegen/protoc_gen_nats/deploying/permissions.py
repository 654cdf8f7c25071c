"""Grants and revocations on the NATS servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from protoc_gen_nats.deploying.changes import Action, Change, Detail
from protoc_gen_nats.deploying.trees import DEPLOY, Tree, read_json

__all__ = ["permission_changes"]

_PATH = f"{DEPLOY}/nats/accounts.json"


def permission_changes(before: Tree, after: Tree) -> Iterator[Change]:
    """What users and accounts may do from now on, and what they may not do any more."""
    old, new = (read_json(tree, _PATH) or {"accounts": []} for tree in (before, after))
    yield from _changes(dict(_users(old)), dict(_users(new)), "it cannot log in any more")
    yield from _changes(dict(_accounts(old)), dict(_accounts(new)), "its users cannot log in")


_Grants = Mapping[str, frozenset[str]]
"""Subjects by what is granted: `publish`, `subscribe`, `export`, `import`."""


def _users(value: Any) -> Iterator[tuple[str, _Grants]]:
    for account in value["accounts"]:
        for user in account["users"]:
            grants = {what: frozenset(user[what]) for what in ("publish", "subscribe")}
            yield user["name"], {**grants, "account": frozenset([account["name"]])}


def _accounts(value: Any) -> Iterator[tuple[str, _Grants]]:
    for account in value["accounts"]:
        grants = {
            "export": frozenset(map(_shared, account["exports"])),
            "import": frozenset(map(_shared, account["imports"])),
            "limit": frozenset(f"{k} {v}" for k, v in (account.get("jetstream") or {}).items()),
        }
        yield f"account {account['name']}", grants


def _shared(entry: Mapping[str, Any]) -> str:
    """An export or import as one line."""
    return " ".join(str(value) for value in entry.values() if value is not None)


def _changes(old: Mapping[str, _Grants], new: Mapping[str, _Grants], loss: str) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(
                section="permissions",
                environment=None,
                name=name,
                action=(
                    Action.ADD
                    if name not in old
                    else Action.CHANGE if name in new else Action.REMOVE
                ),
                details=tuple(_details(old.get(name, {}), new.get(name, {}))),
                losses=() if name in new else (loss,),
            )


def _details(old: _Grants, new: _Grants) -> Iterable[Detail]:
    for what in dict.fromkeys((*old, *new)):
        before, after = old.get(what, frozenset()), new.get(what, frozenset())
        for subject in sorted(before - after):
            yield Detail(what=what, before=subject, after=None)
        for subject in sorted(after - before):
            yield Detail(what=what, before=None, after=subject)
