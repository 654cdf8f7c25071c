"""What is generated for ECS, with everything filled in that only an account knows."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protoc_gen_nats.deploying.filling import filled
from tests.platform.tools import ROOT

__all__ = ["ENVIRONMENTS", "GENERATED", "Definition", "all_of", "named"]

GENERATED = ROOT / "generated" / "deploy"
ENVIRONMENTS = ("dev", "staging", "production")

_ACCOUNT = "123456789012"
_REGION = "eu-central-1"
_POLICIES = ("double", "all", "fewer")


@dataclass(frozen=True, slots=True)
class Definition:
    """The files of one folder."""

    environment: str
    name: str
    task: dict[str, Any]
    service: dict[str, Any] | None
    """None: a tool."""

    scaling: dict[str, Any] | None

    def copy(self) -> Definition:
        """One that may be broken."""
        return copy.deepcopy(self)

    @property
    def container(self) -> dict[str, Any]:
        """The first container of its task."""
        container: dict[str, Any] = self.task["containerDefinitions"][0]
        return container


def all_of(environment: str) -> Iterator[Definition]:
    """Everything of one environment."""
    for folder in sorted((GENERATED / environment / "ecs").iterdir()):
        yield named(environment, folder.name)


def named(environment: str, name: str) -> Definition:
    """One service or tool."""
    folder = GENERATED / environment / "ecs" / name
    task, service, scaling = (
        _filled(folder / f"{file}.json", environment, name)
        for file in ("task-definition", "service", "scaling")
    )
    assert task is not None, folder
    return Definition(environment, name, task, service, scaling)


def _filled(path: Path, environment: str, name: str) -> dict[str, Any] | None:
    if not path.exists():
        return None
    values = _values(environment, name)
    found: dict[str, Any] = filled(json.loads(path.read_text()), values, str(path))
    return found


def _values(environment: str, name: str) -> dict[str, str]:
    cluster = f"bodybroker-{environment}"
    secret = f"arn:aws:secretsmanager:{_REGION}:{_ACCOUNT}:secret:{cluster}"
    resource = f"resource/ecs/service/{cluster}/{name}"
    policy = f"arn:aws:autoscaling:{_REGION}:{_ACCOUNT}:scalingPolicy:0000:{resource}"
    balancing = f"arn:aws:elasticloadbalancing:{_REGION}:{_ACCOUNT}"
    return {
        "cluster": cluster,
        "region": _REGION,
        "image": f"registry.example.com/{name}@sha256:{'0' * 64}",
        "execution_role_arn": f"arn:aws:iam::{_ACCOUNT}:role/{cluster}-{name}-execution",
        "task_role_arn": f"arn:aws:iam::{_ACCOUNT}:role/{cluster}-{name}",
        "secret_arn": f"{secret}/nats/{name}-AbCdEf",
        "service_secret_arn": f"{secret}/services/{name}-AbCdEf",
        "redis_secret_arn": f"{secret}/redis-AbCdEf",
        "nats_url": "tls://nats.example.com:4222",
        "security_group_id": "sg-00000000000000000",
        "service_registry_arn": f"arn:aws:servicediscovery:{_REGION}:{_ACCOUNT}:service/srv-0",
        "target_group_arn": f"{balancing}:targetgroup/{cluster}/0000000000000000",
        **{f"subnet_{n}": f"subnet-0000000000000000{n}" for n in range(1, 7)},
        **{f"{one}_policy_arn": f"{policy}:policyName/{one}" for one in _POLICIES},
    }
