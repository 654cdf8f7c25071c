"""Changes of streams, consumers and buckets, as `protonats streams apply` would make them on
servers that have what was planned before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from protoc_gen_nats.deploying.changes import Action, Change, Detail
from protoc_gen_nats.deploying.trees import DEPLOY, Tree, read_json
from protoc_gen_nats.quantities import duration_text, size_text
from protoc_gen_nats.subjects import captures

__all__ = ["stream_changes"]

_PATH = f"{DEPLOY}/nats/jetstream.json"
_KINDS = {"streams": "stream", "consumers": "consumer", "buckets": "bucket"}
_LIMITS = ("max_age", "max_message", "ttl", "history")
"""Settings of which less means that something goes: of these, none is the most."""


def stream_changes(before: Tree, after: Tree) -> Iterator[Change]:
    """What changes, what is created, and what is planned no more."""
    old, new = (read_json(tree, _PATH) or {} for tree in (before, after))
    for key, kind in _KINDS.items():
        had = {_name(entry): entry for entry in old.get(key, ())}
        has = {_name(entry): entry for entry in new.get(key, ())}
        for name in dict.fromkeys((*had, *has)):
            if had.get(name) != has.get(name):
                yield _change(kind, name, had.get(name), has.get(name))


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry["name"] if "name" in entry else f"{entry['stream']}/{entry['durable']}")


def _change(
    kind: str, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Change:
    losses: tuple[str, ...] = ()
    if new is None:
        losses = ("it stays on the servers, with what is stored, until somebody deletes it",)
    elif old is not None:
        losses = tuple(_losses(_settings(old), _settings(new)))
    before, after = _settings(old or {}), _settings(new or {})
    return Change(
        section="streams",
        environment=None,
        name=f"{kind} {name}",
        action=Action.ADD if old is None else Action.CHANGE if new else Action.REMOVE,
        details=tuple(
            Detail(
                what=what,
                before=_shown(what, before.get(what)),
                after=_shown(what, after.get(what)),
            )
            for what in dict.fromkeys((*before, *after))
            if before.get(what) != after.get(what) and new is not None
        ),
        losses=losses,
    )


def _settings(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by the names that the manifest has for them."""
    identity = ("name", "stream", "durable")
    return {
        key.removesuffix("_seconds").removesuffix("_bytes"): value
        for key, value in entry.items()
        if key not in identity
    }


def _losses(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for what in ("retention", "storage"):
        if old.get(what) != new.get(what):
            yield f"a server cannot change {what} of every kind: the stream may have to be deleted"
    for subject in old.get("subjects", ()):
        if not any(captures(pattern, subject) for pattern in new.get("subjects", ())):
            yield f"what is published to {subject} is not stored any more"
    for subject in old.get("filter_subjects", ()):
        if not any(captures(pattern, subject) for pattern in new.get("filter_subjects", ())):
            yield f"messages on {subject} that wait are not delivered any more"
    for what in _LIMITS:
        had, has = old.get(what), new.get(what)
        if has is not None and (had is None or has < had):
            yield f"what is stored beyond {what} {_shown(what, has)} is deleted or refused"


def _shown(what: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return " ".join(duration_text(one) if what == "backoff" else str(one) for one in value)
    if what in ("max_age", "duplicate_window", "ttl", "ack_wait"):
        return duration_text(value)
    return size_text(value) if what == "max_message" else str(value)
