"""The files of Prometheus and Alertmanager, and the pages of the alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial

from protoc_gen_nats.access.roles import GATEWAY, routed
from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.monitoring import rule_files, runbooks, scraping
from protoc_gen_nats.targets.monitoring.alert import Alert, Platform

__all__ = ["Watching"]

_COMPOSE = "deploy/compose"
_RUNBOOKS = "docs/runbooks"
_EXPORTER = "exporter:7777"
_EXPORTER_BESIDE = "127.0.0.1:7777"
"""On AWS, the exporter runs in the task of what reads it."""

_ALERTMANAGER = "alertmanager:9093"
_ALERTMANAGER_BESIDE = "127.0.0.1:9093"


class Watching:
    """Rules, configuration and pages. What environments share is made once."""

    def __init__(self, schema: Schema, manifest: Manifest, deployment: Deployment) -> None:
        self._schema = schema
        self._deployment = deployment
        self._environments = list(manifest.environments.values())
        self._services = sorted(map(user_of, schema.services))
        self._routed = any(routed(service) for service in schema.services)
        self._platforms = {
            environment.name: Platform(
                environment=environment,
                services=len(schema.services),
                streams=len(manifest.streams),
            )
            for environment in self._environments
        }

    def files(self) -> Iterator[PlannedFile]:
        """Plans them."""
        renders: dict[str, Callable[[], bytes]] = {}
        for environment in self._environments:
            folder = f"deploy/{environment.name}/prometheus"
            platform = self._platforms[environment.name]
            renders |= {
                f"{folder}/rules.yaml": lambda: self._rules,
                f"{folder}/alerts.yaml": partial(rule_files.alerts_yaml, platform),
                f"{folder}/slo.yaml": partial(rule_files.slo_yaml, self._schema, environment),
                f"{folder}/prometheus.yaml": partial(self._prometheus, environment),
                f"{folder}/alertmanager.yaml": partial(
                    scraping.alertmanager_yaml, environment.name
                ),
            }
        local = self._environments[-1].name
        renders |= {
            f"{_COMPOSE}/prometheus.yaml": partial(self._compose_prometheus, local),
            f"{_COMPOSE}/alertmanager.yaml": partial(scraping.alertmanager_yaml, local),
        }
        for name in self._alerts:
            renders[f"{_RUNBOOKS}/{name}.md"] = partial(self._page, name)
        for path, render in renders.items():
            yield PlannedFile(
                path=path, render=partial(_file, path, render), files=self._schema.files
            )

    @cached_property
    def _rules(self) -> bytes:
        return rule_files.rules_yaml(self._schema)

    @cached_property
    def _alerts(self) -> dict[str, dict[str, list[Alert]]]:
        """The rules of each alert, by environment."""
        found: dict[str, dict[str, list[Alert]]] = {}
        for environment, platform in self._platforms.items():
            for alert in rule_files.all_alerts(platform):
                found.setdefault(alert.name, {}).setdefault(environment, []).append(alert)
        return found

    def _page(self, name: str) -> bytes:
        return runbooks.page(name, self._alerts[name], self._deployment.name)

    def _prometheus(self, environment: Environment) -> bytes:
        gateway = environment.gateway is not None and self._routed
        return scraping.prometheus_yaml(
            environment.name,
            [*self._services, *([GATEWAY] if gateway else [])],
            domain=f".{self._deployment.name}-{environment.name}.internal",
            exporter=_EXPORTER_BESIDE,
            alertmanager=_ALERTMANAGER_BESIDE,
        )

    def _compose_prometheus(self, environment: str) -> bytes:
        return scraping.prometheus_yaml(
            environment,
            self._services,
            exporter=_EXPORTER,
            alertmanager=_ALERTMANAGER,
            rules="rules/",
        )


def _file(path: str, render: Callable[[], bytes]) -> GeneratedFile:
    return GeneratedFile(path=path, content=render())
