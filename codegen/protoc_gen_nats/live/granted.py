"""What a user may do, as its NATS server tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from protoc_gen_nats.subjects import captures, overlap

__all__ = ["Granted"]

_INBOXES = ("_INBOX.>", "_R_.>")
"""Where answers go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Granted:
    """The permissions of a user."""

    told: Mapping[str, Any]
    """`publish` and `subscribe` with `allow` and `deny`, and `responses`, as an answer to
    `$SYS.REQ.USER.INFO` has them; empty: everything is allowed."""

    def allows(self, verb: Literal["publish", "subscribe"], subject: str) -> bool:
        """Whether the user may do it for all that the subject can match."""
        rules = self.told.get(verb) or {}
        # An entry for a subscription may name the queue group behind the subject.
        allowed = [entry.split()[0] for entry in rules.get("allow") or ()]
        denied = [entry.split()[0] for entry in rules.get("deny") or ()]
        if any(overlap(pattern, subject) for pattern in denied):
            return False
        if verb == "publish" and subject in _INBOXES and self.told.get("responses"):
            return True
        return not allowed or any(captures(pattern, subject) for pattern in allowed)

    @property
    def answers_once(self) -> bool:
        """Whether the user may send one answer to a request and no more, if at all."""
        responses = self.told.get("responses") or {}
        may_answer_freely = self._without_responses().allows("publish", _INBOXES[0])
        return responses.get("max") == 1 and not may_answer_freely

    def _without_responses(self) -> Granted:
        return Granted(told={key: self.told[key] for key in self.told if key != "responses"})
