"""The platform with its monitoring on this machine: servers, services, exporter, Prometheus,
Alertmanager, and a webhook."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from protonats.testing import EmbeddedRedis
from protonats.testing._process import ChildProcess
from tests.platform.monitoring.quick_rules import alertmanager_file, prometheus_file, write_rules
from tests.platform.monitoring.redis_nodes import redis_with_replicas
from tests.platform.monitoring.webhook import Webhook
from tests.platform.nats.installation import (
    GENERATED,
    Installation,
    free_ports,
    provision_as_deployer,
    until,
)
from tests.platform.tools import ROOT, tool

__all__ = ["SERVICES", "Chain", "Program", "exporter_variables", "running_chain", "user_variables"]

SERVICES = {
    "weather_manager": "services.weather_manager.service:WeatherManagerService",
    "capability_registry": "tests.platform.monitoring.failing:UnavailableRegistry",
    "ai_router": "tests.platform.monitoring.failing:AskingRouter",
}
"""What is served, by user."""


@dataclass(kw_only=True)
class Program:
    """A process with an address for HTTP."""

    command: list[str]
    variables: Mapping[str, str]
    address: str
    log: Path
    ready: str = "/readyz"
    process: ChildProcess | None = field(default=None)

    def start(self) -> None:
        """Starts it."""
        given = [f"{name}={value}" for name, value in self.variables.items()]
        self.process = ChildProcess([tool("env"), "-i", *given, *self.command], log=self.log)

    def stop(self) -> None:
        """Asks it to end."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def get(self, path: str) -> bytes:
        """What it answers."""
        with urlopen(f"http://{self.address}{path}", timeout=5) as answer:
            content: bytes = answer.read()
        return content

    def is_ready(self) -> bool:
        """Whether it answers as it should."""
        try:
            self.get(self.ready)
        except (OSError, HTTPError):
            if self.process is not None and not self.process.running:
                raise AssertionError(f"{self.command} ended:\n{self.process.output}") from None
            return False
        return True


@dataclass(kw_only=True)
class Chain:
    """All that runs."""

    installation: Installation
    redis: list[EmbeddedRedis]
    services: dict[str, Program]
    exporter: Program
    prometheus: Program
    alertmanager: Program
    webhook: Webhook

    def until_firing(self, alert: str, **labels: str) -> Mapping[str, Any]:
        """Waits until the webhook was told that an alert fires, and returns what it was told."""
        self._until_status("firing", alert, labels)
        return self.webhook.last(alert, **labels)

    def until_resolved(self, alert: str, **labels: str) -> None:
        """Waits until the webhook was told that it is over."""
        self._until_status("resolved", alert, labels)

    def _until_status(self, status: str, alert: str, labels: Mapping[str, str]) -> None:
        try:
            until(
                lambda: self.webhook.last(alert, **labels).get("status") == status,
                f"{alert} {labels} is {status}",
            )
        except AssertionError as error:
            told = {(one["labels"]["alertname"], one["state"]) for one in self.alerts()}
            raise AssertionError(f"{error}; Prometheus has {sorted(told)}") from None

    def alerts(self) -> list[dict[str, Any]]:
        """What Prometheus has of alerts now."""
        answer = json.loads(self.prometheus.get("/api/v1/alerts"))
        result: list[dict[str, Any]] = answer["data"]["alerts"]
        return result

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus knows now.

        Raises:
            HTTPError: It cannot be asked so.
        """
        path = f"/api/v1/query?{urlencode({'query': expression})}"
        result: list[dict[str, Any]] = json.loads(self.prometheus.get(path))["data"]["result"]
        return result


def user_variables(installation: Installation, user: str) -> dict[str, str]:
    """How a user connects, for a process."""
    settings = installation.settings(user)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(
            str(ROOT / folder) for folder in ("runtime", "generated/python", ".")
        ),
        "NATS_URL": ",".join(settings.servers),
        "NATS_NAME": user,
        "NATS_CA": str(settings.tls_ca),
        "NATS_CERT": str(settings.tls_cert),
        "NATS_KEY": str(settings.tls_key),
        "NATS_NKEY": str(settings.nkey_seed_file),
    }


def exporter_variables(installation: Installation, address: str) -> dict[str, str]:
    """How the exporter runs in production, but for addresses and pace."""
    return {
        **user_variables(installation, "monitor"),
        "EXPORTER_ADDRESS": address,
        "EXPORTER_INTERVAL": "1",
        "EXPORTER_NATS_MONITORS": ",".join(
            f"http://127.0.0.1:{node.http}" for node in installation.nodes
        ),
        "EXPORTER_PLAN": str(GENERATED / "nats" / "jetstream.json"),
        "EXPORTER_SERVICES": str(GENERATED / "services.json"),
    }


@contextmanager
def running_chain(folder: Path) -> Iterator[Chain]:
    """Starts everything, and returns when all of it is ready."""
    ports = iter(free_ports(len(SERVICES) + 3))
    installation = Installation(folder, nodes=5)
    for node in installation.nodes:
        # As each node in production has it, of its own memory.
        node.variables["GOMEMLIMIT"] = str(512 * 1024 * 1024)
    with (
        redis_with_replicas() as redis,
        installation,
        Webhook() as webhook,
        ExitStack() as stack,
    ):
        until(lambda: _led(installation), "JetStream has a leader")
        asyncio.run(provision_as_deployer(installation, replicas=3))
        url = redis[0].url.replace("redis://", "redis+cluster://")
        services = {
            user: _service(installation, user, target, f"127.0.0.1:{next(ports)}", url)
            for user, target in SERVICES.items()
        }
        address = f"127.0.0.1:{next(ports)}"
        exporter = Program(
            command=[sys.executable, "-m", "protonats.exporter"],
            variables={**exporter_variables(installation, address), "REDIS_URL": url},
            address=address,
            log=folder / "exporter.log",
        )
        alertmanager = _alertmanager(folder, f"127.0.0.1:{next(ports)}", webhook)
        prometheus = _prometheus(
            folder, f"127.0.0.1:{next(ports)}", services, exporter, alertmanager
        )
        programs = [*services.values(), exporter, alertmanager, prometheus]
        for program in programs:
            stack.callback(program.stop)
            program.start()
        for program in programs:
            until(program.is_ready, f"{program.command[-1]} is ready")
        yield Chain(
            installation=installation,
            redis=redis,
            services=services,
            exporter=exporter,
            prometheus=prometheus,
            alertmanager=alertmanager,
            webhook=webhook,
        )


def _led(installation: Installation) -> bool:
    told = [node.told("jsz").get("meta_cluster", {}) for node in installation.nodes]
    return all(one.get("leader") and one.get("cluster_size") == 5 for one in told)


def _service(
    installation: Installation, user: str, target: str, address: str, redis: str
) -> Program:
    return Program(
        command=[sys.executable, "-m", "protonats.serve", target],
        variables={
            **user_variables(installation, user),
            "PROTONATS_HEALTH_ADDRESS": address,
            "PROTONATS_GRACE_PERIOD": "1",
            "REDIS_URL": redis,
        },
        address=address,
        log=installation.folder / f"{user}.log",
    )


def _alertmanager(folder: Path, address: str, webhook: Webhook) -> Program:
    path = folder / "alertmanager.yaml"
    path.write_text(alertmanager_file(webhook.url))
    return Program(
        command=[
            tool("prometheus-alertmanager"),
            f"--config.file={path}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ],
        variables={},
        address=address,
        log=folder / "alertmanager.log",
        ready="/-/ready",
    )


def _prometheus(
    folder: Path,
    address: str,
    services: Mapping[str, Program],
    exporter: Program,
    alertmanager: Program,
) -> Program:
    path = folder / "prometheus.yaml"
    addresses = {user: program.address for user, program in services.items()}
    path.write_text(prometheus_file(addresses, exporter.address, alertmanager.address))
    write_rules(folder)
    return Program(
        command=[
            tool("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={address}",
            "--log.level=warn",
        ],
        variables={},
        address=address,
        log=folder / "prometheus.log",
        ready="/-/ready",
    )
