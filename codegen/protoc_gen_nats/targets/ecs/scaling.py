"""Scaling: many more tasks at once, fewer of them slowly.

With more than its share of calls or waiting events, a service gets twice as many tasks; with more
than twice its share, all that it may have. One look decides: traffic that grows tenfold within a
window of 10 s shows in part only, and CloudWatch repeats the action of an alarm that goes on no
sooner than after a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.targets.ecs.programs import Program, prefix_of
from protoc_gen_nats.targets.ecs.signals import Signal

__all__ = ["NAMESPACE", "SURGE", "alarms_of", "scaling"]

NAMESPACE = "Protonats"

SURGE = 2
"""How many times its share a task may have until its service gets all tasks that it may have."""

_PERIOD = 10
_MINUTE = 60
_CPU = 60
"""Percent of its CPU that a task shall use."""

_OUT_COOLDOWN = 60
"""Seconds in which no more tasks come for the same reason: they take some 30 s to start."""

_IN_COOLDOWN = 300
_IDLE = 0.6
"""The part of its share below which a service has too many tasks: with a quarter of them less it
is still below it."""

_IDLE_MINUTES = 15


def scaling(program: Program, deployment: Deployment, environment: Environment) -> dict[str, Any]:
    """What RegisterScalableTarget, PutScalingPolicy and PutMetricAlarm take."""
    scalable = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/${{cluster}}/{program.name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    settings = program.settings
    return {
        "target": {
            **scalable,
            "MinCapacity": settings.min_tasks,
            "MaxCapacity": settings.max_tasks,
        },
        "policies": [
            {"PolicyName": name, **scalable, **policy}
            for name, policy in _policies(settings.max_tasks, program.signals)
        ],
        "alarms": [*alarms_of(program, prefix_of(deployment, environment))],
    }


def _policies(max_tasks: int, signals: Sequence[Signal]) -> Iterator[tuple[str, dict[str, Any]]]:
    if signals:
        yield "double", _steps("PercentChangeInCapacity", 100, _OUT_COOLDOWN, at_least=1)
        yield "all", _steps("ExactCapacity", max_tasks, _OUT_COOLDOWN)
    yield "fewer", _steps("PercentChangeInCapacity", -25, _IN_COOLDOWN, at_least=1)
    yield (
        "cpu",
        {
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": float(_CPU),
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
                },
                "ScaleOutCooldown": _OUT_COOLDOWN,
                "ScaleInCooldown": _IN_COOLDOWN,
                # A service that waits for others needs its tasks and no CPU.
                "DisableScaleIn": True,
            },
        },
    )


def _steps(kind: str, adjustment: int, cooldown: int, at_least: int = 0) -> dict[str, Any]:
    """A policy of one step: on whichever side of the threshold the alarm is."""
    bound = "MetricIntervalUpperBound" if adjustment < 0 else "MetricIntervalLowerBound"
    configuration: dict[str, Any] = {
        "AdjustmentType": kind,
        "StepAdjustments": [{bound: 0.0, "ScalingAdjustment": adjustment}],
        "Cooldown": cooldown,
        "MetricAggregationType": "Maximum",
    }
    if at_least:
        configuration["MinAdjustmentMagnitude"] = at_least
    return {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configuration}


def alarms_of(program: Program, prefix: str) -> Iterator[dict[str, Any]]:
    """The alarms of a service; each names the policy that it starts.

    Args:
        program: The service.
        prefix: What the names of alarms begin with, which is the name of the cluster.
    """
    for signal in program.signals:
        share = signal.target(program.settings)
        for name, policy, threshold in (
            (signal.name, "double", share),
            (f"{signal.name}-surge", "all", SURGE * share),
        ):
            yield {
                "AlarmName": f"{prefix}-{program.name}-{name}",
                "AlarmDescription": f"One task of {program.name} has more than {threshold} of"
                f" {signal.metric}: more tasks start.",
                **_metric(signal, prefix, program.name),
                "Statistic": "Maximum",
                "Period": _PERIOD,
                "EvaluationPeriods": 1,
                "DatapointsToAlarm": 1,
                "Threshold": float(threshold),
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [_action(policy)],
            }
    yield _idle(program, prefix)


def _idle(program: Program, prefix: str) -> dict[str, Any]:
    """The alarm of a service that has too many tasks. Its load is a sum, which nobody knows where
    one of its metrics is missing: then no task goes."""
    shares = {signal.name: signal.target(program.settings) for signal in program.signals}
    metrics = {signal.name: _metric(signal, prefix, program.name) for signal in program.signals}
    shares["cpu"] = _CPU
    metrics["cpu"] = {
        "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization",
        "Dimensions": _dimensions(ClusterName=prefix, ServiceName=program.name),
    }
    load = {
        "Id": "load",
        "Label": "Load",
        "Expression": " + ".join(f"{name} / {share}" for name, share in shares.items()),
        "ReturnData": True,
    }
    return {
        "AlarmName": f"{prefix}-{program.name}-idle",
        "AlarmDescription": f"{program.name} has had little to do for {_IDLE_MINUTES} minutes: a"
        " quarter of its tasks stops.",
        "Metrics": [
            *(
                {
                    "Id": name,
                    "MetricStat": {"Metric": metric, "Period": _MINUTE, "Stat": "Average"},
                    "ReturnData": False,
                }
                for name, metric in metrics.items()
            ),
            load,
        ],
        "EvaluationPeriods": _IDLE_MINUTES,
        "DatapointsToAlarm": _IDLE_MINUTES,
        "Threshold": _IDLE,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [_action("fewer")],
    }


def _metric(signal: Signal, cluster: str, service: str) -> dict[str, Any]:
    return {
        "Namespace": NAMESPACE,
        "MetricName": signal.metric,
        "Dimensions": _dimensions(Cluster=cluster, Service=service),
    }


def _dimensions(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _action(policy: str) -> str:
    """The ARN of a policy, which it has once it is there."""
    return f"${{{policy}_policy_arn}}"
