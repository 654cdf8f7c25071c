"""Restarts of ECS services, one after another: a task reads its secrets when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.keys.aws import asking, client

__all__ = ["Restarts"]

_AT_ONCE: Final = 10
"""How many services DescribeServices takes."""

_INTERVAL: Final = 5.0
_PATIENCE: Final = 900.0
"""Seconds that one service may take: its old tasks have to drain as well."""


class Restarts:
    """The services of a cluster."""

    def __init__(
        self,
        cluster: str,
        region: str,
        *,
        interval: float = _INTERVAL,
        patience: float = _PATIENCE,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            cluster: The name of the cluster.
            region: Where it is.
            interval: Seconds between two looks at a service that starts.
            patience: Seconds within which it has to be stable.
            wait: What waits for seconds.
        """
        self._ecs = client("ecs", region)
        self._cluster = cluster
        self._interval = interval
        self._patience = patience
        self._wait = wait

    def behind(self, changed: Mapping[str, datetime]) -> list[str]:
        """The services whose tasks have older secrets than there are.

        Args:
            changed: When the secrets changed last, by the names of services. One that does not run
                here is left out.
        """
        running = {one["serviceName"]: one for one in self._described([*changed])}
        return [
            name
            for name, moment in changed.items()
            if name in running and _started(running[name]) < moment
        ]

    def restart(self, names: Sequence[str]) -> Iterator[str]:
        """Restarts services, and gives the name of each when its new tasks serve.

        Raises:
            UserError: One did not get there; those after it were not restarted.
        """
        for index, name in enumerate(names):
            with asking():
                self._ecs.update_service(
                    cluster=self._cluster, service=name, forceNewDeployment=True
                )
            if problem := self._problem(name):
                rest = f"; not restarted: {', '.join(names[index + 1 :])}" * (
                    index + 1 < len(names)
                )
                raise UserError.of(f"{name} {problem}{rest}")
            yield name

    def _problem(self, name: str) -> str:
        waited = 0.0
        while True:
            (service,) = self._described([name])
            deployments = service["deployments"]
            (newest,) = (one for one in deployments if one["status"] == "PRIMARY")
            if newest.get("rolloutState") == "FAILED":
                return f"did not start with its new secrets: {newest.get('rolloutStateReason')}"
            done = newest.get("rolloutState", "COMPLETED") == "COMPLETED"
            if done and len(deployments) == 1 and _complete(service):
                return ""
            if waited >= self._patience:
                return f"is not stable after {self._patience:g}s"
            self._wait(self._interval)
            waited += self._interval

    def _described(self, names: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(names), _AT_ONCE):
            some = [*names[start : start + _AT_ONCE]]
            with asking():
                answer = self._ecs.describe_services(cluster=self._cluster, services=some)
            found += [one for one in answer["services"] if one["status"] == "ACTIVE"]
        return found


def _started(service: Mapping[str, Any]) -> datetime:
    moments = [one["createdAt"] for one in service["deployments"] if one["status"] == "PRIMARY"]
    newest: datetime = max(moments)
    return newest


def _complete(service: Mapping[str, Any]) -> bool:
    return bool(service["runningCount"] == service["desiredCount"])
