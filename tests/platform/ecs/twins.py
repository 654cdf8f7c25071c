"""Definitions that are broken in one place each, and who has to see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.platform.ecs import service_rules as services
from tests.platform.ecs import task_rules as tasks
from tests.platform.ecs.definitions import Definition
from tests.platform.ecs.task_rules import Rule

__all__ = ["OF_RULES", "Break", "changed"]

Break = Callable[[Definition], None]

_GONE = object()


def changed(part: str, path: str, value: Any = _GONE) -> Break:
    """What sets one value of a definition, or takes it away.

    Args:
        part: `task`, `service`, `scaling`, or `container`.
        path: Keys and indices, with dots between them.
        value: The new one; nothing: the key goes.
    """

    def apply(definition: Definition) -> None:
        place: Any = getattr(definition, part)
        *keys, last = (int(key) if key.lstrip("-").isdigit() else key for key in path.split("."))
        for key in keys:
            place = place[key]
        if value is _GONE:
            del place[last]
        else:
            place[last] = value

    return apply


def _added(part: str, path: str, value: Any) -> Break:
    """What puts a value at the end of a list, which may be new."""

    def apply(definition: Definition) -> None:
        place: Any = getattr(definition, part)
        *keys, last = path.split(".")
        for key in keys:
            place = place[key]
        place.setdefault(last, []).append(value)

    return apply


def _variable(name: str, value: str) -> Break:
    return _added("container", "environment", {"name": name, "value": value})


def _same_roles(definition: Definition) -> None:
    definition.task["taskRoleArn"] = definition.task["executionRoleArn"]


def _mounted(definition: Definition) -> None:
    """With a volume that its image knows nothing of."""
    definition.task["volumes"].append({"name": "data"})
    mount = {"sourceVolume": "data", "containerPath": "/data"}
    definition.container["mountPoints"].append(mount)


def _by_the_minute(definition: Definition) -> None:
    assert definition.scaling is not None
    for alarm in definition.scaling["alarms"]:
        alarm["Period"] = 60


def _breaker(**values: bool) -> Break:
    return changed("service", "deploymentConfiguration.deploymentCircuitBreaker", values)


_LINUX = "linuxParameters"
_NETWORK = "networkConfiguration.awsvpcConfiguration"
_DEPLOYMENT = "deploymentConfiguration"
_FOREIGN = "service/bodybroker-production/payment"
_BALANCER = {"targetGroupArn": "arn", "containerName": "event_bus", "containerPort": 8080}

OF_RULES: Mapping[Rule, Sequence[Break]] = {
    tasks.one_essential_container: (
        changed("task", "containerDefinitions", []),
        changed("container", "essential", False),
    ),
    tasks.nothing_is_left_to_fill_in: (changed("task", "family", "${family}"),),
    tasks.it_runs_on_fargate: (
        changed("task", "networkMode", "host"),
        changed("task", "requiresCompatibilities", ["EC2"]),
        changed("task", "memory", "768"),
    ),
    tasks.its_user_is_not_root: (
        changed("container", "user"),
        changed("container", "user", "0:0"),
        changed("container", "user", "root"),
        changed("container", "user", "app"),
        changed("container", "user", "10001:0"),
    ),
    tasks.it_has_no_privileges: (
        changed("container", "privileged", True),
        changed("container", f"{_LINUX}.capabilities"),
        changed("container", f"{_LINUX}.capabilities.drop", ["NET_RAW"]),
        changed("container", f"{_LINUX}.capabilities.add", ["SYS_PTRACE"]),
        changed("task", "pidMode", "task"),
    ),
    tasks.its_root_is_read_only: (
        changed("container", "readonlyRootFilesystem"),
        changed("container", "readonlyRootFilesystem", False),
    ),
    tasks.it_hears_sigterm: (
        changed("container", f"{_LINUX}.initProcessEnabled"),
        changed("container", f"{_LINUX}.initProcessEnabled", False),
    ),
    tasks.it_stops_in_time: (
        changed("container", "stopTimeout"),
        changed("container", "stopTimeout", 121),
        changed("container", "stopTimeout", 1),
        changed("container", "stopTimeout", 25),
    ),
    tasks.its_image_is_named_by_its_digest: (
        changed("container", "image", "registry.example.com/event_bus"),
        changed("container", "image", "registry.example.com/event_bus:latest"),
        changed("container", "image", f"registry.example.com/event_bus:latest@sha256:{'0' * 64}"),
        changed("container", "image", "registry.example.com/event_bus@sha256:00"),
    ),
    tasks.its_variables_are_no_secrets: (
        _variable("DATABASE_PASSWORD", "x"),
        _variable("API_KEY", "x"),
        _variable("STORE", "redis://user:word@redis.example.com"),
        _variable("TEXT", "-----BEGIN PRIVATE KEY-----"),
        _variable("TEXT", f"SU{'A' * 56}"),
    ),
    tasks.its_secrets_are_in_secrets_manager: (
        changed("container", "secrets.0.valueFrom", "SUAB"),
        changed("container", "secrets.0.valueFrom", "arn:aws:ssm:eu-central-1:1:parameter/x"),
        changed(
            "container",
            "secrets.0.valueFrom",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
        ),
    ),
    tasks.it_can_log_in: (
        changed("container", "secrets", []),
        changed("container", "secrets.0"),
        changed("container", "secrets.1"),
        _added("container", "secrets", {"name": "NATS_CREDS_TEXT", "valueFrom": "x"}),
    ),
    tasks.no_variable_is_set_twice: (_variable("NATS_NAME", "payment"), _variable("REDIS_URL", "")),
    tasks.its_two_roles_are_two: (
        _same_roles,
        changed("task", "taskRoleArn"),
        changed("task", "executionRoleArn"),
    ),
    tasks.it_says_how_it_is: (
        changed("container", "healthCheck"),
        changed("container", "healthCheck.command", ["CMD-SHELL", "ps aux | grep python"]),
        changed("container", "healthCheck.command", ["CMD", "curl", "http://localhost:8080"]),
    ),
    tasks.its_logs_are_kept: (
        changed("container", "logConfiguration"),
        changed("container", "logConfiguration.logDriver", "none"),
        changed("container", "logConfiguration.options.awslogs-group", "/other"),
        changed("container", "logConfiguration.options.awslogs-stream-prefix"),
    ),
    tasks.it_has_only_what_fargate_has: (
        changed("container", f"{_LINUX}.tmpfs", [{"containerPath": "/tmp", "size": 64}]),
        changed("container", "dockerSecurityOptions", ["no-new-privileges"]),
        changed("container", "ulimits.0.name", "nproc"),
    ),
    tasks.it_writes_where_its_image_lets_it: (
        _added("container", "mountPoints", {"sourceVolume": "data", "containerPath": "/data"}),
        _mounted,
    ),
    services.its_tasks_have_no_public_address: (
        changed("service", f"{_NETWORK}.assignPublicIp", "ENABLED"),
        changed("service", f"{_NETWORK}.assignPublicIp"),
        changed("service", f"{_NETWORK}.securityGroups", []),
    ),
    services.its_tasks_are_spread_over_zones: (
        changed("service", f"{_NETWORK}.subnets", ["subnet-00000000000000001"]),
        changed("service", "availabilityZoneRebalancing", "DISABLED"),
        changed("service", "availabilityZoneRebalancing"),
    ),
    services.a_bad_deployment_is_rolled_back: (
        changed("service", f"{_DEPLOYMENT}.deploymentCircuitBreaker"),
        _breaker(enable=True, rollback=False),
        _breaker(enable=False, rollback=True),
    ),
    services.a_deployment_takes_nothing_away: (
        changed("service", f"{_DEPLOYMENT}.minimumHealthyPercent", 50),
        changed("service", f"{_DEPLOYMENT}.maximumPercent", 100),
    ),
    services.nobody_gets_a_shell: (
        changed("service", "enableExecuteCommand", True),
        changed("service", "enableExecuteCommand"),
    ),
    services.it_runs_its_own_task: (
        changed("service", "taskDefinition", "bodybroker-production-payment"),
        changed("service", "launchType", "EC2"),
        changed("service", "capacityProviderStrategy", [{"capacityProvider": "FARGATE_SPOT"}]),
    ),
    services.it_has_as_many_tasks_as_it_shall: (
        changed("service", "desiredCount", 21),
        changed("service", "desiredCount", 1),
        changed("scaling", "target.MinCapacity", 1),
    ),
    services.its_load_balancer_reaches_it: (
        _added("service", "loadBalancers", _BALANCER),
        _added("service", "loadBalancers", {**_BALANCER, "containerPort": 9090}),
        changed("service", "healthCheckGracePeriodSeconds", 60),
    ),
    services.its_scaling_is_of_itself: (
        changed("scaling", "target.ResourceId", _FOREIGN),
        changed("scaling", "policies.0.ResourceId", _FOREIGN),
        changed("scaling", "alarms.0.Dimensions.1.Value", "payment"),
        changed("scaling", "alarms.-1.Metrics.0.MetricStat.Metric.Dimensions.0.Value", "other"),
    ),
    services.every_alarm_starts_a_policy: (
        changed("scaling", "alarms.0.AlarmActions", []),
        changed("scaling", "alarms.0.AlarmActions", ["arn:aws:sns:eu-central-1:1:alerts"]),
        changed("scaling", "alarms.-1"),
    ),
    services.it_grows_within_seconds: (
        changed("scaling", "alarms", []),
        changed("scaling", "target.MaxCapacity", 40),
        changed("scaling", "policies.1"),
        _by_the_minute,
    ),
    services.it_shrinks_slowly: (
        changed("scaling", "policies.2.StepScalingPolicyConfiguration.Cooldown", 60),
        changed(
            "scaling", "policies.3.TargetTrackingScalingPolicyConfiguration.DisableScaleIn", False
        ),
    ),
    services.an_alarm_without_data_does_nothing: (
        changed("scaling", "alarms.0.TreatMissingData", "breaching"),
        changed("scaling", "alarms.-1.TreatMissingData"),
    ),
}
"""By the rule that has to see it. All are of `event_bus` in production."""
