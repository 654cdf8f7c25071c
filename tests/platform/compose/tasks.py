"""Runs task definitions of ECS as containers: with all that they are restricted to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from protoc_gen_nats.deploying.filling import filled
from tests.platform.compose.running import Platform
from tests.platform.images.building import Built
from tests.platform.tools import ROOT

__all__ = ["Task", "redis_url", "task_of"]

_ECS = ROOT / "generated" / "deploy" / "production" / "ecs"

_FILES = {
    "nkey_seed": "nkey.seed",
    "ca": "ca.pem",
    "certificate": "cert.pem",
    "private_key": "key.pem",
}
"""The files with what is under these keys of a secret."""

_KEYS = "/run/protonats"


def task_of(name: str) -> dict[str, Any]:
    """The task definition of a service."""
    value: dict[str, Any] = json.loads((_ECS / name / "task-definition.json").read_text())
    return value


def redis_url(platform: Platform, name: str) -> str:
    """Where Redis is, as the compose file has it."""
    url: str = platform.containers[name]["environment"]["REDIS_URL"]
    return url


class Task:
    """One task of a service, on the network of a platform and with the keys of its user.

    Attributes:
        container: Its name.
        stop_timeout: Seconds that it has to end by itself.
    """

    def __init__(self, platform: Platform, image: Built, number: int) -> None:
        self._platform = platform
        self._image = image
        self.container = f"{image.name}-task-{number}"
        task = task_of(image.name)
        values = {
            "image": image.tag,
            "nats_url": platform.containers[image.name]["environment"]["NATS_URL"],
            "secret_arn": "nats",
            "redis_secret_arn": "redis",
            "region": "eu-central-1",
        }
        (definition,) = task["containerDefinitions"]
        self._definition: Mapping[str, Any] = filled(definition, values, image.name)
        # So the health check of the image is that of the task.
        assert image.inspected["Healthcheck"]["Test"] == definition["healthCheck"]["command"]
        self._memory = task["memory"]
        self.stop_timeout: int = definition["stopTimeout"]

    def start(self) -> None:
        """Starts it."""
        self._platform.store.podman(
            *("run", "--detach", f"--name={self.container}"),
            *(f"--network={self._platform.store.network}", *self._platform.hosts),
            *self._restrictions(),
            *(f"--env={name}={value}" for name, value in self._variables()),
            # The keys are for Redis alone: that of AWS asks for no certificate.
            f"--volume={self._image.name}-keys:{_KEYS}:ro",
            self._definition["image"],
            *self._definition.get("command", ()),
        )

    def _restrictions(self) -> Iterator[str]:
        one = self._definition
        assert one["readonlyRootFilesystem"]
        assert one["linuxParameters"]["initProcessEnabled"]
        yield from ("--read-only", "--read-only-tmpfs=false", "--init")
        yield from (f"--user={one['user']}", f"--memory={self._memory}m")
        # What no task definition can ask for, and Fargate has.
        yield "--security-opt=no-new-privileges"
        for capability in one["linuxParameters"]["capabilities"]["drop"]:
            yield f"--cap-drop={capability}"

    def _variables(self) -> Iterator[tuple[str, str]]:
        for one in self._definition["environment"]:
            yield one["name"], one["value"]
        user = self._image.name
        for one in self._definition["secrets"]:
            secret, key, *_ = one["valueFrom"].split(":")
            if secret == "redis":
                yield one["name"], redis_url(self._platform, user)
            else:
                yield one["name"], self._platform.key(user, _FILES[key])
