"""Alerts about monitoring itself: what is not seen cannot be told."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.targets.monitoring.alert import (
    CRITICAL,
    WARNING,
    Alert,
    Platform,
    Runbook,
    Step,
)

__all__ = ["alerts"]

_GROUP = "monitoring"
_SOURCES = "protonats_exporter_source_up"
_TARGETS = Step(text="What is read, and what does not answer.", query="up == 0")
_LOGS = Step(text="What the exporter says.", command="aws logs tail /PREFIX/monitor --since 30m")


def alerts(platform: Platform) -> Iterator[Alert]:
    """What is said of the exporter and of what is read."""
    unknown = [f"(count(protonats_platform_service_instances) or vector(0)) < {platform.services}"]
    if platform.streams:
        unknown.append("absent(protonats_platform_drift)")
    yield Alert(
        name="ExporterDown",
        group=_GROUP,
        severity=CRITICAL,
        expr='absent(up{job="exporter"} == 1)',
        lasts="2m",
        summary="The exporter does not answer",
        description="Nothing is known of NATS, streams, consumers and Redis: no alert would come.",
        runbook=_DOWN,
    )
    yield Alert(
        name="ExporterBlind",
        group=_GROUP,
        severity=WARNING,
        expr=(f"{_SOURCES} == 0 or ({' or '.join(unknown)}) and on () up{{job=\"exporter\"}} == 1"),
        lasts="5m",
        summary="The exporter does not see all it should",
        description=(
            "{{ if $labels.source }}Asking for {{ $labels.source }} fails{{ else }}It does not know"
            " all services, or the plan of the streams{{ end }}: alerts about them would not come."
        ),
        runbook=_BLIND,
    )
    yield Alert(
        name="TargetDown",
        group=_GROUP,
        severity=WARNING,
        expr='up{job!="exporter"} == 0',
        lasts="3m",
        summary="{{ $labels.app }} at {{ $labels.instance }} does not tell its metrics",
        description=(
            "The instance {{ $labels.instance }} of {{ $labels.app }} is there and does not answer"
            " /metrics: it hangs, or has no CPU."
        ),
        runbook=_TARGET,
    )


_DOWN = Runbook(
    meaning="The program that asks NATS and Redis how they are does not run, or cannot be reached.",
    users="Nothing. But nobody would be told if something else broke.",
    look=(
        Step(text="Whether it was ever there.", query='up{job="exporter"}'),
        Step(
            text="Its task.",
            command="aws ecs describe-services --cluster PREFIX --services monitor",
        ),
        _LOGS,
        Step(
            text="How the platform is meanwhile.",
            command="protonats doctor\nprotonats ls --missing",
        ),
    ),
    mend=(
        "Start it anew: `aws ecs update-service --cluster PREFIX --service monitor"
        " --force-new-deployment`.",
        "If it ends at once, its log says which variable or key is wrong.",
    ),
    close="It answers, and `protonats_exporter_connected` is 1.",
)
_BLIND = Runbook(
    meaning=(
        "The exporter runs, and cannot ask one of its sources; or it was not told which services"
        " and streams are planned (EXPORTER_SERVICES, EXPORTER_PLAN)."
    ),
    users="Nothing.",
    look=(
        Step(text="Which source.", query=f"{_SOURCES} == 0"),
        Step(
            text="How often it failed.", query="increase(protonats_exporter_errors_total[15m]) > 0"
        ),
        Step(
            text="How many services it knows.", query="count(protonats_platform_service_instances)"
        ),
        _LOGS,
    ),
    mend=(
        "`services` and `dead_letters` need NATS: its user `monitor`, and that user's permissions.",
        "`nodes` needs the monitoring port 8222 of the nodes: a security group or"
        " EXPORTER_NATS_MONITORS.",
        "`redis` needs REDIS_URL with the password of now.",
        "Services or plan are unknown: deploy the exporter with the files of this commit.",
    ),
    close="All sources are up, and it knows every service.",
)
_TARGET = Runbook(
    meaning="An instance that is listed in DNS does not answer within ten seconds.",
    users="Calls that this instance gets may time out, until the server or ECS gives it up.",
    look=(
        _TARGETS,
        Step(text="Whether it answers calls.", command="protonats ping SERVICE"),
        Step(
            text="Whether a handler holds it up.",
            query="sum by (app, handler) (increase(protonats_loop_blocked_total[30m])) > 0",
        ),
    ),
    mend=(
        "Stop the task, so that ECS starts another: `aws ecs stop-task --cluster PREFIX --task"
        " TASK`.",
        "If all instances are concerned, it is the network: port 8080 from monitoring to the tasks."
        " ",
    ),
    close="All instances answer.",
)
