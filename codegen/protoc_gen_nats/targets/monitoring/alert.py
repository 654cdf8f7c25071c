"""What an alert is: when somebody is told, what, and what to do then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protoc_gen_nats.environments import Environment

__all__ = ["CRITICAL", "WARNING", "Alert", "Platform", "Runbook", "Step"]

CRITICAL = "critical"
"""Users are hurt, or will be soon: somebody is woken."""

WARNING = "warning"
"""Somebody looks on the next working day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """What rules follow from."""

    environment: Environment
    services: int
    """How many there are."""

    streams: int
    """The same; without any, nothing is planned that JetStream could differ from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing to look at."""

    text: str
    command: str = ""
    """For a shell. Words in capitals stand for what only the reader knows."""

    query: str = ""
    """PromQL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runbook:
    """What a person who is told does. Texts are Markdown."""

    meaning: str
    users: str
    """What users notice."""

    look: tuple[Step, ...]
    mend: tuple[str, ...]
    close: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """One rule. Rules that share a name share its page, and differ in their labels."""

    name: str
    group: str
    severity: str
    expr: str
    lasts: str = ""
    """For how long the expression has to hold, `5m`; empty: not at all."""

    summary: str
    """One line, with the labels of the alert as `{{ $labels.service }}`."""

    description: str
    """One or two sentences, with the value."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels beside the severity and the environment."""

    runbook: Runbook

    def rule(self, environment: str) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            **({"for": self.lasts} if self.lasts else {}),
            "labels": {"severity": self.severity, "environment": environment, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook": f"generated/docs/runbooks/{self.name}.md",
            },
        }
