"""What botocore and its models say of the calls that bring everything to AWS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.platform.ecs.definitions import ENVIRONMENTS, all_of, named
from tests.platform.ecs.shapes import Call, calls_of, constraint_problems, parameter_problems
from tests.platform.ecs.twins import Break, changed

_ALARM = "alarms.0"
_STEPS = "policies.0.StepScalingPolicyConfiguration"
_ROLE = f"arn:aws:iam::123456789012:role/{'x' * 2000}"

OF_PARAMETERS = {
    "an unknown key": changed("task", "containers", []),
    "a key that is missing": changed("task", "family"),
    "a number that is a text": changed("container", "stopTimeout", "30"),
    "a text that is a number": changed("task", "cpu", 256),
    "a key of a service that is unknown": changed("service", "desired", 2),
    "a service without its name": changed("service", "serviceName"),
    "a target without what is scaled": changed("scaling", "target.ScalableDimension"),
    "a limit that is a text": changed("scaling", "target.MinCapacity", "2"),
    "a policy without its name": changed("scaling", "policies.0.PolicyName"),
    "a step without its adjustment": changed("scaling", f"{_STEPS}.StepAdjustments", [{}]),
    "an alarm without its name": changed("scaling", f"{_ALARM}.AlarmName"),
    "no period at all": changed("scaling", f"{_ALARM}.EvaluationPeriods", 0),
    "a dimension in other words": changed("scaling", f"{_ALARM}.Dimensions.0", {"Key": "x"}),
}
"""What botocore refuses."""

OF_CONSTRAINTS = {
    "a launch type": changed("service", "launchType", "Fargate"),
    "a network mode": changed("task", "networkMode", "vpc"),
    "a log driver": changed("container", "logConfiguration.logDriver", "cloudwatch"),
    "a limit": changed("container", "ulimits.0.name", "files"),
    "an address": changed(
        "service", "networkConfiguration.awsvpcConfiguration.assignPublicIp", "NO"
    ),
    "rebalancing": changed("service", "availabilityZoneRebalancing", "ON"),
    "a dimension": changed("scaling", "target.ScalableDimension", "ecs:service:Tasks"),
    "an adjustment": changed("scaling", f"{_STEPS}.AdjustmentType", "Percent"),
    "a kind of policy": changed("scaling", "policies.0.PolicyType", "Step"),
    "a metric of ECS": changed(
        "scaling",
        "policies.3.TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification",
        {"PredefinedMetricType": "ECSServiceCPU"},
    ),
    "a comparison": changed("scaling", f"{_ALARM}.ComparisonOperator", ">"),
    "a statistic": changed("scaling", f"{_ALARM}.Statistic", "Mean"),
    "a name that is too long": changed("scaling", "target.ResourceId", _ROLE),
    "an alarm with too long a name": changed("scaling", f"{_ALARM}.AlarmName", "x" * 256),
}
"""What it lets through and its models do not."""


def refused(check: Callable[[Call], list[str]], apply: Break) -> list[str]:
    definition = named("production", "event_bus").copy()
    apply(definition)
    return [text for call in calls_of(definition) for text in check(call)]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_generated_fits_the_calls(environment: str) -> None:
    calls = [call for one in all_of(environment) for call in calls_of(one)]

    assert len(calls) > 200
    assert [text for call in calls for text in parameter_problems(call)] == []
    assert [text for call in calls for text in constraint_problems(call)] == []


@pytest.mark.parametrize("apply", OF_PARAMETERS.values(), ids=OF_PARAMETERS)
def test_what_botocore_refuses_is_seen(apply: Break) -> None:
    assert len(refused(parameter_problems, apply)) == 1


@pytest.mark.parametrize("apply", OF_CONSTRAINTS.values(), ids=OF_CONSTRAINTS)
def test_what_only_the_models_refuse_is_seen(apply: Break) -> None:
    assert refused(parameter_problems, apply) == []
    assert len(refused(constraint_problems, apply)) == 1
