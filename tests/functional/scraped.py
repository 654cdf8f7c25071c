"""What Prometheus gets when it scrapes an application."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from protonats import Application
from protonats._telemetry.families import families
from tests.functional.http import ask

WITH_REDIS_OR_TROUBLE = frozenset(
    {
        "cache_errors",
        "cache_stale",
        "client_retry_budget_exhausted",
        "loop_blocked",
        "outbox_failed",
        "outbox_oldest_seconds",
        "outbox_pending",
        "outbox_relayed",
        "outbox_written",
        "server_idempotency_failures",
        "server_replayed",
    }
)
"""Metrics that have no numbers where there is neither."""


async def scrape(application: Application) -> dict[str, Metric]:
    """The metrics by name, as they are served."""
    assert application.health_address is not None
    answer = await ask(application.health_address, "/metrics")
    families = text_string_to_metric_families(answer.body.decode())
    return {family.name: family for family in families}


def value(metrics: Mapping[str, Metric], name: str, **labels: str) -> float:
    """The sum of the samples with these labels."""
    family = metrics[f"protonats_{name}"]
    suffix = "_total" if family.type == "counter" else ""
    return sum(
        sample.value
        for sample in family.samples
        if sample.name == f"protonats_{name}{suffix}" and labels.items() <= sample.labels.items()
    )


def without_numbers(metrics: Mapping[str, Metric]) -> set[str]:
    """The metrics of the runtime that have no samples."""
    return {family.name for family in families() if not metrics[f"protonats_{family.name}"].samples}
