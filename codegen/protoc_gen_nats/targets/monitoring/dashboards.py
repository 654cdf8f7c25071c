"""`deploy/<environment>/grafana/`: a dashboard for each service, and one for the platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from hashlib import sha256

from protoc_gen_nats.environments import AlertThresholds, Deployment, Environment
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema, Service
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.monitoring import platform_dashboard, service_dashboard
from protoc_gen_nats.targets.monitoring.panels import Dashboard, Variable, panel_rows

__all__ = ["Dashboards"]

_PLATFORM = "platform"
_TAG = "protonats"
_UID = 16


class Dashboards:
    """All dashboards. Those of environments with the same thresholds share their panels."""

    def __init__(self, schema: Schema, manifest: Manifest, deployment: Deployment) -> None:
        self._schema = schema
        self._deployment = deployment
        self._environments = list(manifest.environments.values())
        self._panels: dict[tuple[str, AlertThresholds], list[str]] = {}

    def files(self) -> Iterator[PlannedFile]:
        """Plans them."""
        for environment in self._environments:
            folder = f"deploy/{environment.name}/grafana"
            renders: dict[str, Callable[[], bytes]] = {
                user_of(service): partial(self._service, environment, service)
                for service in self._schema.services
            }
            # A service may be called as it likes.
            renders[f"_{_PLATFORM}"] = partial(self._platform, environment)
            for name, render in renders.items():
                path = f"{folder}/{name}.json"
                yield PlannedFile(
                    path=path, render=partial(_file, path, render), files=self._schema.files
                )

    @cached_property
    def _graph(self) -> Graph:
        return Graph.of(self._schema)

    def _platform(self, environment: Environment) -> bytes:
        name = self._deployment.name
        text = f"Calls, NATS, JetStream and Redis of {name} in {environment.name}."
        panels = panel_rows(platform_dashboard.rows(environment))
        return self._dashboard(environment, _PLATFORM, text).text(panels)

    def _service(self, environment: Environment, service: Service) -> bytes:
        user, limits = user_of(service), environment.alerts
        key = (user, limits)
        if key not in self._panels:
            rows = service_dashboard.rows(service, self._graph, limits)
            self._panels[key] = panel_rows(rows)
        text = f"{service.full_name}: {service.description}".removesuffix(": ")
        variables = service_dashboard.variables(service)
        return self._dashboard(environment, user, text, variables).text(self._panels[key])

    def _dashboard(
        self,
        environment: Environment,
        name: str,
        description: str,
        variables: tuple[Variable, ...] = (),
    ) -> Dashboard:
        whole = f"{self._deployment.name}-{environment.name}"
        return Dashboard(
            # At most 40 characters, and the same for ever.
            uid=sha256(f"{whole}/{name}".encode()).hexdigest()[:_UID],
            title=f"{whole}: {name}",
            description=description,
            tags=(_TAG, environment.name),
            variables=variables,
        )


def _file(path: str, render: Callable[[], bytes]) -> GeneratedFile:
    return GeneratedFile(path=path, content=render())
