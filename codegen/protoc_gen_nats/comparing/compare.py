"""The comparison of two states of a project, by all rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from protoc_gen_nats.comparing.deployment import compare_deployment
from protoc_gen_nats.comparing.enums import compare_enums
from protoc_gen_nats.comparing.events import compare_events
from protoc_gen_nats.comparing.findings import Finding
from protoc_gen_nats.comparing.messages import compare_messages
from protoc_gen_nats.comparing.removals import compare_declarations
from protoc_gen_nats.comparing.reporting import Comparison
from protoc_gen_nats.comparing.services import compare_services
from protoc_gen_nats.comparing.snapshot import Snapshot
from protoc_gen_nats.comparing.table import RULES
from protoc_gen_nats.errors import Problem
from protoc_gen_nats.project.schemas import from_root

__all__ = ["compare"]

_ORDER = {name: index for index, name in enumerate(RULES)}


def compare(before: Snapshot, after: Snapshot) -> list[Finding]:
    """What the step from one state to another breaks, in the order of the rules, then of places."""
    folders = {**before.folders, **after.folders}
    found = (_placed(finding, folders) for finding in _findings(Comparison(before, after)))
    return sorted(found, key=lambda one: (_ORDER[one.rule.name], one.place, one.element, one.text))


def _findings(comparison: Comparison) -> Iterator[Finding]:
    yield from compare_declarations(comparison)
    yield from compare_messages(comparison)
    yield from compare_enums(comparison)
    yield from compare_services(comparison)
    yield from compare_events(comparison)
    yield from compare_deployment(comparison)


def _placed(finding: Finding, folders: Mapping[str, str]) -> Finding:
    """A finding whose place is a path from the project's root, as an editor opens it."""
    return replace(finding, place=from_root(Problem(finding.place, ""), folders).place)
