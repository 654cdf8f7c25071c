"""How the rules report what they find."""

from __future__ import annotations

from collections.abc import Iterable

from protoc_gen_nats.comparing.findings import Affected, Finding
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.comparing.table import RULES
from protoc_gen_nats.errors import Place
from protoc_gen_nats.naming import version_of_package

__all__ = ["Comparison"]


class Comparison:
    """Two states of a project."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before = before
        self.after = after

    def finding(
        self,
        rule: str,
        element: str,
        place: Place,
        text: str,
        affected: Iterable[Affected] = (),
        *,
        package: str = "",
    ) -> Finding:
        """A finding.

        Args:
            rule: The rule's name.
            element: What changed.
            place: Where it stands.
            text: What changed, and what that does.
            affected: Whom it concerns.
            package: The package that it is in, if it is in one.
        """
        return Finding(
            rule=RULES[rule],
            element=element,
            place=place,
            text=text,
            affected=tuple(sorted(set(affected))),
            unstable=bool(version_of_package(package).channel),
        )
