"""What a user may do, as its NATS server tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from protoc_gen_nats.subjects import captures, overlap

__all__ = ["Granted"]

_ANSWERS = ("_INBOX.", "_R_.")
"""What the subjects begin with that answers go to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Granted:
    """The permissions of a user."""

    told: Mapping[str, Any]
    """`publish` and `subscribe` with `allow` and `deny`, and `responses`, as an answer to
    `$SYS.REQ.USER.INFO` has them; empty: everything is allowed."""

    def allows(self, verb: Literal["publish", "subscribe"], right: str) -> bool:
        """Whether the user may do it for all that a subject can match; of a subscription it may
        have a queue group behind it."""
        rules = self.told.get(verb) or {}
        allowed, denied = rules.get("allow") or (), rules.get("deny") or ()
        if any(_forbids(entry, right) for entry in denied):
            return False
        if verb == "publish" and right.startswith(_ANSWERS) and self.told.get("responses"):
            return True
        return not allowed or any(_grants(entry, right) for entry in allowed)

    @property
    def answers_once(self) -> bool:
        """Whether the user may send one answer to a request and no more, if at all."""
        responses = self.told.get("responses") or {}
        allowed = (self.told.get("publish") or {}).get("allow") or ()
        freely = not allowed or any(overlap(entry, "_INBOX.>") for entry in allowed)
        return responses.get("max") == 1 and not freely


def _grants(entry: str, right: str) -> bool:
    """Whether an entry, a subject with or without a queue group, allows all of a right."""
    (pattern, *groups), (subject, *group) = entry.split(), right.split()
    return captures(pattern, subject) and (not groups or groups == group)


def _forbids(entry: str, right: str) -> bool:
    """Whether an entry takes something of a right away."""
    (pattern, *groups), (subject, *group) = entry.split(), right.split()
    return overlap(pattern, subject) and (not groups or groups == group)
