"""What a user lets pass: `SUBJECT_CHANGED`, or `SUBJECT_CHANGED:acme.shop.v1.Shop.Buy`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protoc_gen_nats.comparing.findings import Finding
from protoc_gen_nats.comparing.table import RULES
from protoc_gen_nats.errors import Place, Problem, UserError, did_you_mean

__all__ = ["Ignored", "parse_ignored"]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A rule that may be broken."""

    rule: str
    element: str
    """The only element by which it may be; empty: by all."""

    def passes(self, finding: Finding) -> bool:
        """Whether it lets a finding pass."""
        return finding.rule.name == self.rule and self.element in ("", finding.element)


def parse_ignored(texts: Iterable[str], path: str = "") -> list[Ignored]:
    """What a list of texts lets pass.

    Args:
        texts: Each the name of a rule, or that and the name of an element.
        path: The file in which they stand.

    Raises:
        UserError: There is no such rule.
    """
    found, problems = [], []
    for text in texts:
        rule, _, element = text.partition(":")
        found.append(Ignored(rule, element.strip()))
        if rule not in RULES:
            hint = did_you_mean(rule, RULES)
            label = f"there is no rule {rule!r}: {hint}; `protonats breaking --rules` lists all"
            problems.append(Problem(Place(path), label))
    if problems:
        raise UserError(problems)
    return found
