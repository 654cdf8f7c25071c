"""Task definitions: one container, which may do nothing that it does not need."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.targets.ecs.programs import Program, prefix_of

__all__ = ["PORT", "START_PERIOD", "tags", "task_definition"]

PORT = 8080
"""Where health and metrics are served, and by the gateway HTTP."""

START_PERIOD = 70
"""Seconds that a task has until it must be well: it waits 60 s for NATS."""

_USER = "10001:10001"
_SHORTEST_STOP = 2
"""Seconds: ECS takes no less."""

_OPEN_FILES = 65535
_HEALTH_CHECK = ("CMD", "python", "-m", "protonats.health_check")

_CERTIFICATES = (
    ("NATS_CA_PEM", "ca"),
    ("NATS_CERT_PEM", "certificate"),
    ("NATS_KEY_PEM", "private_key"),
)
_LOGINS = {"nkeys": ("NATS_NKEY_SEED", "nkey_seed"), "jwt": ("NATS_CREDS_TEXT", "creds")}
"""Variables of a program, and the keys in the secret of its user."""

_TEMPLATE = re.compile(r"[$%](?=\{)")


def task_definition(
    program: Program, deployment: Deployment, environment: Environment
) -> dict[str, Any]:
    """What RegisterTaskDefinition takes."""
    settings = program.settings
    return {
        "family": f"{prefix_of(deployment, environment)}-{program.name}",
        "executionRoleArn": "${execution_role_arn}",
        "taskRoleArn": "${task_role_arn}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        "cpu": str(settings.cpu),
        "memory": str(settings.memory >> 20),
        "volumes": [{"name": name} for name, _ in _volumes(program)],
        "containerDefinitions": [_container(program, deployment, environment)],
        "tags": tags(deployment, environment),
    }


def tags(deployment: Deployment, environment: Environment) -> list[dict[str, str]]:
    """By what costs are told apart."""
    pairs = {"platform": deployment.name, "environment": environment.name}
    return [{"key": key, "value": value} for key, value in pairs.items()]


def _container(
    program: Program, deployment: Deployment, environment: Environment
) -> dict[str, Any]:
    variables = _variables(program)
    secrets = _secrets(program, deployment, environment)
    container: dict[str, Any] = {
        "name": program.name,
        "image": "${image}",
        "essential": True,
        "user": _USER,
        "readonlyRootFilesystem": True,
        # As process 1, Python would hear no SIGTERM.
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "ulimits": [{"name": "nofile", "softLimit": _OPEN_FILES, "hardLimit": _OPEN_FILES}],
        "stopTimeout": max(math.ceil(program.settings.stop_timeout), _SHORTEST_STOP),
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
        "secrets": [{"name": name, "valueFrom": value} for name, value in secrets],
        "mountPoints": [
            {"sourceVolume": name, "containerPath": path, "readOnly": False}
            for name, path in _volumes(program)
        ],
        "logConfiguration": _logs(program, deployment, environment),
    }
    if program.arguments:
        container["command"] = [_literal(argument) for argument in program.arguments]
    if program.serves:
        container["portMappings"] = [{"containerPort": PORT, "protocol": "tcp"}]
        container["healthCheck"] = {
            "command": [*_HEALTH_CHECK],
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "startPeriod": START_PERIOD,
        }
    return container


def _variables(program: Program) -> dict[str, str]:
    variables = {"NATS_URL": "${nats_url}", "NATS_NAME": program.user}
    if program.serves:
        variables["PROTONATS_HEALTH_ADDRESS"] = f"0.0.0.0:{PORT}"
        variables["PROTONATS_GRACE_PERIOD"] = f"{program.settings.grace_period:g}"
    own: Mapping[str, str] = program.settings.variables
    return variables | {name: _literal(text) for name, text in own.items()}


def _secrets(
    program: Program, deployment: Deployment, environment: Environment
) -> Iterator[tuple[str, str]]:
    """Variables, and the keys in secrets that they come from."""
    for name, key in (_LOGINS[deployment.login], *_CERTIFICATES):
        yield name, f"${{secret_arn}}:{key}::"
    if environment.redis is not None and program.serves:
        yield "REDIS_URL", "${redis_secret_arn}:url::"
    for name in program.settings.secrets:
        yield name, f"${{service_secret_arn}}:{name}::"


def _logs(program: Program, deployment: Deployment, environment: Environment) -> dict[str, Any]:
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": f"/{prefix_of(deployment, environment)}/{program.name}",
            "awslogs-region": "${region}",
            "awslogs-stream-prefix": program.name,
            # A program that logs does not wait for CloudWatch.
            "mode": "non-blocking",
            "max-buffer-size": "4m",
        },
    }


def _volumes(program: Program) -> Iterator[tuple[str, str]]:
    """The names of the folders that it writes to, and where they are."""
    return ((path.strip("/").replace("/", "-"), path) for path in program.written)


def _literal(text: str) -> str:
    """A text in which nothing is filled in: `${` and `%{` as Terraform's templates escape them."""
    return _TEMPLATE.sub(r"\g<0>\g<0>", text)
