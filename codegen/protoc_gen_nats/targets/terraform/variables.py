"""`deploy/<environment>/terraform.tfvars.json`: what differs between environments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from itertools import islice
from typing import Any

from protoc_gen_nats.access import accounts_of
from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.keys.places import OPERATOR_KEYS
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.ecs.signals import signals_of
from protoc_gen_nats.targets.json_documents import json_file

__all__ = ["Names", "names_of", "render", "render_registry", "zone_of_node"]

_GATEWAY = "gateway"
_TOOLS = ("exporter", "tools")
"""Images beside those of the services."""

_FIRST_HOST = 10
"""The first address in a subnet that a NATS node has; AWS keeps those before the fourth."""


@dataclass(frozen=True, slots=True)
class Names:
    """Who there is, sorted by name."""

    services: tuple[str, ...]
    """The users of the services."""

    nats_users: tuple[str, ...]
    """Whose secrets of NATS there are: of everybody who logs in, and of the operator if there is
    one."""

    signals: Mapping[str, int] = field(default_factory=dict)
    """By how many metrics a service is scaled beside its CPU; 1 where nothing is said."""

    def tasks(self, environment: Environment) -> tuple[str, ...]:
        """What runs on ECS: the services, and the gateway if somebody wants it and a method has a
        route."""
        if environment.gateway is None or _GATEWAY not in self.nats_users:
            return self.services
        return tuple(sorted((*self.services, _GATEWAY)))


def names_of(schema: Schema, manifest: Manifest) -> Names:
    """The names of a platform."""
    users = {user.name for account in accounts_of(schema, manifest) for user in account.users}
    signing = (
        {OPERATOR_KEYS} if manifest.deployment and manifest.deployment.login == "jwt" else set()
    )
    return Names(
        services=tuple(sorted(map(user_of, schema.services))),
        nats_users=tuple(sorted(users | signing)),
        signals={user_of(service): len(signals_of(service)) for service in schema.services},
    )


def zone_of_node(environment: Environment, index: int) -> str:
    """The zone of a NATS node: they are spread evenly, 2-2-1 for five in three."""
    return environment.zones[index % len(environment.zones)]


def render(environment: Environment, deployment: Deployment, names: Names) -> GeneratedFile:
    """Renders the variables of one environment. Sizes are in GiB, times in days."""
    private, public = _subnets(environment)
    tasks = names.tasks(environment)
    redis, gateway, certificates = environment.redis, environment.gateway, environment.certificates
    value: dict[str, Any] = {
        "name": deployment.name,
        "environment": environment.name,
        "region": environment.region,
        "log_retention": environment.log_retention,
        "network": {
            "cidr": environment.network,
            "private_subnets": private,
            "public_subnets": public,
        },
        "services": list(tasks),
        "service_secrets": [user for user in tasks if environment.service(user).secrets],
        "nats_users": list(names.nats_users),
        "nats": {
            "instance_type": environment.nats.instance_type,
            "disk_gib": environment.nats.disk >> 30,
            "nodes": _nodes(environment, private),
        },
        "redis": redis
        and {
            "node_type": redis.instance_type,
            "shards": redis.shards,
            "replicas": redis.replicas,
        },
        "gateway_host": gateway.host if gateway and _GATEWAY in tasks else None,
        "certificates": {
            "lifetime_days": int(certificates.lifetime // 86400),
            "renew_before_days": int(certificates.renew_before // 86400),
        },
    }
    return json_file(f"deploy/{environment.name}/terraform.tfvars.json", value)


def render_registry(
    environments: Mapping[str, Environment], deployment: Deployment, names: Names
) -> Iterator[GeneratedFile]:
    """Renders the variables of the registry, where an environment uses that of its account."""
    own = [e for e in environments.values() if e.registry == "ecr"]
    if own:
        images = {*_TOOLS, *(user for e in own for user in names.tasks(e))}
        value = {
            "name": deployment.name,
            "region": own[0].region,
            "repositories": sorted(images),
        }
        yield json_file("deploy/registry.tfvars.json", value)


def _subnets(environment: Environment) -> tuple[dict[str, str], dict[str, str]]:
    """A sixteenth of the network for each zone, and for load balancers parts of the last one."""
    network = IPv4Network(environment.network)
    sixteenths = list(network.subnets(prefixlen_diff=4))
    parts = sixteenths[-1].subnets(prefixlen_diff=4)
    zones = environment.zones
    private = {zone: str(subnet) for zone, subnet in zip(zones, sixteenths, strict=False)}
    public = {zone: str(subnet) for zone, subnet in zip(zones, parts, strict=False)}
    return private, public


def _nodes(environment: Environment, subnets: dict[str, str]) -> dict[str, dict[str, str]]:
    hosts = {
        zone: islice(IPv4Network(subnet).hosts(), _FIRST_HOST - 1, None)
        for zone, subnet in subnets.items()
    }
    nodes = {}
    for index in range(environment.nats.nodes):
        zone = zone_of_node(environment, index)
        nodes[f"nats-{index + 1}"] = {"zone": zone, "address": str(next(hosts[zone]))}
    return nodes
