"""What a comparison finds: which rule is broken, where, and who is affected."""

from __future__ import annotations

from dataclasses import dataclass

from protoc_gen_nats.comparing.table import Rule
from protoc_gen_nats.errors import Place, Severity

__all__ = ["Affected", "Finding"]


@dataclass(frozen=True, order=True, slots=True)
class Affected:
    """A service that a change concerns."""

    service: str
    """Its full name."""

    role: str
    """What it is to what changed: `caller`, `caller by wildcard`, `consumer`, `publisher`, `server`
    or `owner`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One change that breaks a rule."""

    rule: Rule
    element: str
    """What changed: the full name of a service, method, event, message, field or enum, or
    `stream NAME`, `bucket NAME`, `consumer NAME`."""

    place: Place
    """Where it stands now, or what holds it if it is gone."""

    text: str
    """What changed, and what that does."""

    affected: tuple[Affected, ...] = ()
    unstable: bool = False
    """Whether it is in an alpha or beta package, which promises nothing."""

    @property
    def severity(self) -> Severity:
        """Whether it breaks anything."""
        return Severity.WARNING if self.unstable else self.rule.severity
