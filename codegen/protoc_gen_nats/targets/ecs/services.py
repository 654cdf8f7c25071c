"""Service definitions: how many tasks there are, where, and how they are replaced."""

from __future__ import annotations

from typing import Any

from protoc_gen_nats.access.roles import GATEWAY
from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.targets.ecs.programs import Program, prefix_of
from protoc_gen_nats.targets.ecs.tasks import PORT, START_PERIOD, tags

__all__ = ["service_definition"]


def service_definition(
    program: Program, deployment: Deployment, environment: Environment
) -> dict[str, Any]:
    """What CreateService takes. Its tasks are those of the newest revision of their family."""
    definition: dict[str, Any] = {
        "cluster": "${cluster}",
        "serviceName": program.name,
        "taskDefinition": f"{prefix_of(deployment, environment)}-{program.name}",
        "desiredCount": program.settings.min_tasks,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        # New tasks come before old ones go; those that do not become well are rolled back.
        "deploymentConfiguration": {
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        # Tasks are spread over the zones of the subnets, again when a zone is back.
        "availabilityZoneRebalancing": "ENABLED",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": [f"${{subnet_{n + 1}}}" for n in range(len(environment.zones))],
                "securityGroups": ["${security_group_id}"],
                "assignPublicIp": "DISABLED",
            }
        },
        "serviceRegistries": [{"registryArn": "${service_registry_arn}"}],
        "enableExecuteCommand": False,
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "tags": tags(deployment, environment),
    }
    if program.name == GATEWAY:
        definition["loadBalancers"] = [
            {
                "targetGroupArn": "${target_group_arn}",
                "containerName": program.name,
                "containerPort": PORT,
            }
        ]
        definition["healthCheckGracePeriodSeconds"] = START_PERIOD
    return definition
