"""What Prometheus sees, in promtool's notation: one value a minute, `0+3x30` is 0, 3, 6, … for half
an hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "AUTH",
    "CREATE",
    "EXPORTER",
    "GENERATE",
    "INFER",
    "INFERENCE",
    "PAYMENT",
    "PROCESS",
    "QUEST",
    "Case",
    "always",
    "handled",
    "known",
    "mean",
    "nodes",
    "redis",
    "server",
    "took",
]

Series: TypeAlias = Mapping[str, str]

QUEST = "bodybroker.quest.v1.QuestService"
AUTH = "bodybroker.auth.v1.AuthService"
PAYMENT = "bodybroker.payment.v1.PaymentService"
INFERENCE = "bodybroker.ai_integration.v1.AiIntegrationService"
GENERATE = f'service="{QUEST}",method="GenerateQuest"'
CREATE = f'service="{AUTH}",method="CreateSession"'
PROCESS = f'service="{PAYMENT}",method="Process"'
INFER = f'service="{INFERENCE}",method="Infer"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One alert, firing and not firing."""

    alert: str
    what: str = ""
    """Which of several reasons."""

    fires: Series
    quiet: Series
    at: str = "5m"
    """When it has fired for certain."""

    quiet_at: str = ""
    """When it is still or again quiet; empty: at that time."""

    labels: Series = field(default_factory=dict)
    """Its labels, beside name and environment."""

    summary: str
    description: str

    @property
    def name(self) -> str:
        """What it is called in a report."""
        return f"{self.alert} {self.what}".strip()


def always(metric: str, values: float | str, /, **labels: str) -> Series:
    """A series that does not change, or that has these values."""
    matchers = ",".join(f'{name}="{text}"' for name, text in labels.items())
    return {f"{metric}{{{matchers}}}": values if isinstance(values, str) else f"{values:g}+0x90"}


def server(**values: float | str) -> Series:
    """What one NATS server tells, `cpu=90`."""
    series = dict(always("gnatsd_varz_server_name", 1, server_id="S1", value="nats-1"))
    for name, value in values.items():
        series |= always(f"gnatsd_varz_{name}", value, server_id="S1")
    return series


EXPORTER = always("up", 1, job="exporter", instance="exporter:7777")


def nodes(up: int, down: int = 0) -> Series:
    """NATS nodes, of which the last ones do not answer."""
    series = dict(EXPORTER)
    for number in range(up + down):
        node = f"nats-{number + 1}:8222"
        series |= always("protonats_platform_node_up", float(number < up), node=node)
    return series


def redis(up: int, down: int = 0) -> Series:
    """The same of Redis."""
    series = dict(EXPORTER)
    for number in range(up + down):
        series |= always("redis_up", float(number < up), node=f"redis-{number + 1}:6379")
    return series


def handled(labels: str, **codes: str) -> Series:
    """Calls that were finished, by status."""
    metric = "protonats_server_handled_total"
    return {f'{metric}{{{labels},code="{code}"}}': values for code, values in codes.items()}


def took(labels: str, *buckets: tuple[str, float]) -> Series:
    """Calls of each minute, by the bucket that they fall into at most; the last one is all."""
    metric = "protonats_server_handling_seconds"
    series = {
        f'{metric}_bucket{{{labels},le="{bound}"}}': f"0+{count:g}x90" for bound, count in buckets
    }
    _, calls = buckets[-1]
    return {**series, f"{metric}_count{{{labels}}}": f"0+{calls:g}x90"}


def mean(labels: str, seconds: float) -> Series:
    """Calls that take so long."""
    metric = "protonats_server_handling_seconds"
    return {
        f"{metric}_sum{{{labels}}}": f"0+{10 * seconds:g}x90",
        f"{metric}_count{{{labels}}}": "0+10x90",
    }


def known(services: int, drift: bool = True, **sources: float) -> Series:
    """What the exporter sees."""
    series = dict(EXPORTER)
    for number in range(services):
        series |= always("protonats_platform_service_instances", 1, service=f"S{number}")
    if drift:
        series |= always(
            "protonats_platform_drift", 0, kind="stream", name="AUDIT", problem="missing"
        )
    for source, up in sources.items():
        series |= always("protonats_exporter_source_up", up, source=source)
    return series
