"""What `protonats.yaml` says of the places that a platform runs in: sizes, counts, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protoc_gen_nats.errors import Place

__all__ = [
    "Accounts",
    "AlertThresholds",
    "CertificateSettings",
    "Deployment",
    "Environment",
    "GatewaySettings",
    "NatsSettings",
    "RedisSettings",
    "ServiceSettings",
]

_GATEWAY = "gateway"
_STOPPING = 5.0
"""Seconds that a process needs to stop when its handlers are done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSettings:
    """How a service runs in one environment."""

    cpu: int = 256
    """CPU units, 1024 to a core."""

    memory: int = 512 << 20
    """Bytes."""

    min_tasks: int = 2
    max_tasks: int = 20
    requests_per_task: int = 500
    """Calls a second that one task shall have; above it, tasks are added."""

    queue_per_task: int = 100
    """Events that may wait for one task; above it, tasks are added."""

    stop_timeout: float = 30.0
    """Seconds between SIGTERM and SIGKILL."""

    availability: float = 0.999
    """The share of calls that shall be answered well and in time."""

    requirements: str = "requirements/services.txt"
    """The file with the locked and hashed packages of its image, relative to the manifest."""

    files: tuple[str, ...] = ()
    """Files and folders that its image holds beside its own package, relative to the manifest."""

    arguments: tuple[str, ...] = ()
    """Arguments of `python -m protonats.serve` before the class of the service."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of its own; no secrets."""

    secrets: tuple[str, ...] = ()
    """Environment variables whose values are the keys of that name in the secret of the service,
    `<prefix>/services/<user>`."""

    @property
    def grace_period(self) -> float:
        """Seconds that running handlers get of the time to stop: the rest is for the process."""
        return max(self.stop_timeout - _STOPPING, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class NatsSettings:
    """The NATS cluster."""

    instance_type: str
    disk: int
    """Bytes of the data volume of a node."""

    nodes: int = 5
    file_store: int
    """Bytes of that volume that JetStream may use."""

    memory_store: int = 1 << 30
    """Bytes of memory that JetStream may use on a node."""

    max_payload: int = 1 << 20
    """Bytes of the longest message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisSettings:
    """The Redis cluster."""

    instance_type: str
    shards: int = 3
    replicas: int = 1
    """Of each shard, beside its primary."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySettings:
    """The HTTP gateway."""

    host: str
    """The name that its certificate is for."""

    service: ServiceSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateSettings:
    """The certificates of nodes and services."""

    lifetime: float = 90 * 86400.0
    """Seconds."""

    renew_before: float = 30 * 86400.0
    """Seconds before its end at which a certificate is renewed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertThresholds:
    """When somebody is told."""

    consumer_lag: int = 1000
    """Events that wait for a consumer."""

    dead_letters: int = 0
    """Dead letters that are nothing to worry about."""

    error_share: float = 0.05
    """The share of calls that fail."""

    latency: float = 1.0
    """Seconds that the 99th percentile of a method's calls may take, where its time-out is not
    shorter."""

    deadline_share: float = 0.8
    """The share of a method's time-out that its 99th percentile may use."""

    certificate_expiry: float = 14 * 86400.0
    """Seconds before the end of a certificate."""

    storage_share: float = 0.8
    """The share of JetStream's storage that may be in use."""

    memory_share: float = 0.8
    """The share of the memory of a node, or of Redis, that may be in use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """One environment, with everything resolved."""

    name: str
    region: str
    zones: tuple[str, ...]
    """Names of availability zones, `eu-central-1a`."""

    network: str
    """The address range of its network, in CIDR notation."""

    registry: str
    """What the names of images begin with, `registry.example.com/game`; `ecr` is the registry of
    the account itself, whose host only the account knows."""

    log_retention: int
    """Days."""

    service_defaults: ServiceSettings
    """What holds for a service that is not among `services`."""

    services: Mapping[str, ServiceSettings]
    """By the name of the service's user, see `permissions.user_of`."""

    nats: NatsSettings
    redis: RedisSettings | None
    gateway: GatewaySettings | None
    certificates: CertificateSettings
    alerts: AlertThresholds
    place: Place

    def service(self, user: str) -> ServiceSettings:
        """The settings of the service with this user, or of the gateway."""
        if user == _GATEWAY and self.gateway is not None:
            return self.gateway.service
        return self.services.get(user, self.service_defaults)


@dataclass(frozen=True, kw_only=True, slots=True)
class Accounts:
    """The names of the accounts on the NATS servers, by what they are for."""

    services: str = "SERVICES"
    gateway: str = "GATEWAY"
    monitoring: str = "MONITORING"
    system: str = "SYS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """What all environments have in common."""

    name: str
    """What the names of everything in the cloud begin with."""

    base_image: str
    """The image that those of the services begin with: it has Python, as `python`."""

    login: str = "nkeys"
    """How users log in to NATS: `nkeys`, static accounts; `jwt`, accounts that an operator
    signs."""

    accounts: Accounts = Accounts()
    tools_requirements: str = "requirements/tools.txt"
    """The file with the locked and hashed packages of the image `tools`, relative to the
    manifest."""

    exporter_requirements: str = "requirements/exporter.txt"
    """The same of the image `exporter`."""

    build_requirements: str = "requirements/build.txt"
    """The same of what makes images and is in none."""

    named: tuple[tuple[str, Place], ...] = ()
    """The services that the manifest has settings for, here or in an environment, and where."""
