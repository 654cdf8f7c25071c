"""Rules of services and their scaling that no validator has. Tools have neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.platform.ecs.definitions import Definition
from tests.platform.ecs.task_rules import TASK_RULES, Rule, one_essential_container

__all__ = ["SERVICE_RULES", "problems_of"]


def its_tasks_have_no_public_address(definition: Definition) -> Iterator[str]:
    network = _network(definition)
    if network.get("assignPublicIp") != "DISABLED":
        yield "its tasks have public addresses"
    if not network.get("securityGroups"):
        yield "its tasks are in the default security group"


def its_tasks_are_spread_over_zones(definition: Definition) -> Iterator[str]:
    if len(set(_network(definition).get("subnets", []))) < 2:
        yield "its tasks are in one subnet"
    if _service(definition).get("availabilityZoneRebalancing") != "ENABLED":
        yield "its tasks stay where they are when a zone comes back"


def a_bad_deployment_is_rolled_back(definition: Definition) -> Iterator[str]:
    breaker = _deployment(definition).get("deploymentCircuitBreaker", {})
    if not breaker.get("enable") or not breaker.get("rollback"):
        yield "a deployment that fails goes on, or is not rolled back"


def a_deployment_takes_nothing_away(definition: Definition) -> Iterator[str]:
    deployment = _deployment(definition)
    if deployment.get("minimumHealthyPercent", 0) < 100:
        yield "tasks are stopped before others are there"
    if deployment.get("maximumPercent", 0) < 200:
        yield "one task alone cannot be replaced"


def nobody_gets_a_shell(definition: Definition) -> Iterator[str]:
    if _service(definition).get("enableExecuteCommand") is not False:
        yield "people can run commands in its tasks"


def it_runs_its_own_task(definition: Definition) -> Iterator[str]:
    service = _service(definition)
    if service["taskDefinition"] != definition.task["family"]:
        yield f"it runs {service['taskDefinition']}, and its task is {definition.task['family']}"
    if service.get("launchType") != "FARGATE" or service.get("capacityProviderStrategy"):
        yield "it does not run on Fargate, or on tasks that may be taken away"


def it_has_as_many_tasks_as_it_shall(definition: Definition) -> Iterator[str]:
    count, target = _service(definition)["desiredCount"], _scaling(definition)["target"]
    if not target["MinCapacity"] <= count <= target["MaxCapacity"]:
        yield f"it begins with {count} tasks, outside of what it may have"
    if definition.environment == "production" and target["MinCapacity"] < 2:
        yield "it is down when one task is"


def its_load_balancer_reaches_it(definition: Definition) -> Iterator[str]:
    ports = {
        (container["name"], port["containerPort"])
        for container in definition.task["containerDefinitions"]
        for port in container.get("portMappings", [])
    }
    balancers = _service(definition).get("loadBalancers", [])
    for one in balancers:
        if (one["containerName"], one["containerPort"]) not in ports:
            yield f"no container has the port {one['containerPort']} of its load balancer"
    if bool(balancers) != (definition.name == "gateway"):
        yield "the gateway alone is behind a load balancer"
    if bool(balancers) != ("healthCheckGracePeriodSeconds" in _service(definition)):
        yield "its tasks are stopped while they start"


def its_scaling_is_of_itself(definition: Definition) -> Iterator[str]:
    service, scaling = _service(definition), _scaling(definition)
    resource = f"service/{service['cluster']}/{service['serviceName']}"
    for one in (scaling["target"], *scaling["policies"]):
        if one["ResourceId"] != resource:
            yield f"{one['ResourceId']} is scaled, and not {resource}"
    for alarm in scaling["alarms"]:
        metrics = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", [])[:-1]] or [alarm]
        for metric in metrics:
            if [one["Value"] for one in metric["Dimensions"]] != resource.split("/")[1:]:
                yield f"{alarm['AlarmName']} looks at another service"


def every_alarm_starts_a_policy(definition: Definition) -> Iterator[str]:
    scaling = _scaling(definition)
    steps = {p["PolicyName"] for p in scaling["policies"] if p["PolicyType"] == "StepScaling"}
    started = set()
    for alarm in scaling["alarms"]:
        names = {action.rpartition("/")[2] for action in alarm["AlarmActions"]}
        started |= names
        if not names or not names <= steps:
            yield f"{alarm['AlarmName']} starts nothing"
    for name in sorted(steps - started):
        yield f"nothing starts {name}"


def it_grows_within_seconds(definition: Definition) -> Iterator[str]:
    scaling = _scaling(definition)
    everything = {
        policy["PolicyName"]
        for policy in scaling["policies"]
        for step in policy.get("StepScalingPolicyConfiguration", {}).get("StepAdjustments", [])
        if step["ScalingAdjustment"] == scaling["target"]["MaxCapacity"]
        and policy["StepScalingPolicyConfiguration"]["AdjustmentType"] == "ExactCapacity"
    }
    fast = [
        alarm
        for alarm in scaling["alarms"]
        if alarm.get("Period") == 10
        and alarm["EvaluationPeriods"] == 1
        and {action.rpartition("/")[2] for action in alarm["AlarmActions"]} <= everything
    ]
    if not fast:
        yield "no alarm of 10 s gives it all tasks that it may have"


def it_shrinks_slowly(definition: Definition) -> Iterator[str]:
    for policy in _scaling(definition)["policies"]:
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
        if tracking is not None and not tracking["DisableScaleIn"]:
            yield f"{policy['PolicyName']} takes tasks away that wait for others"
        steps = policy.get("StepScalingPolicyConfiguration", {})
        falls = [s for s in steps.get("StepAdjustments", []) if s["ScalingAdjustment"] < 0]
        if falls and steps["Cooldown"] < 300:
            yield f"{policy['PolicyName']} takes tasks away every {steps['Cooldown']} s"


def an_alarm_without_data_does_nothing(definition: Definition) -> Iterator[str]:
    for alarm in _scaling(definition)["alarms"]:
        if alarm.get("TreatMissingData") != "notBreaching":
            yield f"{alarm['AlarmName']} acts when nobody knows anything"


SERVICE_RULES: tuple[Rule, ...] = (
    its_tasks_have_no_public_address,
    its_tasks_are_spread_over_zones,
    a_bad_deployment_is_rolled_back,
    a_deployment_takes_nothing_away,
    nobody_gets_a_shell,
    it_runs_its_own_task,
    it_has_as_many_tasks_as_it_shall,
    its_load_balancer_reaches_it,
    its_scaling_is_of_itself,
    every_alarm_starts_a_policy,
    it_grows_within_seconds,
    it_shrinks_slowly,
    an_alarm_without_data_does_nothing,
)


def problems_of(definition: Definition) -> list[str]:
    """What any rule says of a definition."""
    if wrong := [*one_essential_container(definition)]:
        return wrong
    rules = TASK_RULES if definition.service is None else (*TASK_RULES, *SERVICE_RULES)
    return [f"{rule.__name__}: {text}" for rule in rules for text in rule(definition)]


def _service(definition: Definition) -> dict[str, Any]:
    assert definition.service is not None
    return definition.service


def _scaling(definition: Definition) -> dict[str, Any]:
    assert definition.scaling is not None
    return definition.scaling


def _network(definition: Definition) -> dict[str, Any]:
    network = _service(definition).get("networkConfiguration", {})
    found: dict[str, Any] = network.get("awsvpcConfiguration", {})
    return found


def _deployment(definition: Definition) -> dict[str, Any]:
    found: dict[str, Any] = _service(definition).get("deploymentConfiguration", {})
    return found
