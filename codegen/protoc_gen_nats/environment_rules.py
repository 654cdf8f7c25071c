"""Rules of the keys `deployment` and `environments` of `protonats.yaml` that no JSON Schema states.

What needs the schemas too is in `rules/deployment.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from protoc_gen_nats.checked_yaml import Places
from protoc_gen_nats.environments import Accounts, Environment, ServiceSettings
from protoc_gen_nats.errors import Problem
from protoc_gen_nats.fargate import advice_on_size, is_size
from protoc_gen_nats.quantities import seconds_of, size_text

__all__ = ["problems_of"]

_DEFAULTS = "defaults"
_LONGEST_STOP = 120.0
"""Seconds: ECS waits no longer (`stopTimeout` of Fargate)."""

_NETWORK_BITS = range(16, 21)
"""A VPC has at most a /16, and its subnets are sixteenths of it."""

_LONGEST_PREFIX = 28
"""Characters: the name of a load balancer has 32."""

_ARM = re.compile(r"[a-z]+[0-9]+g[a-z0-9-]*\..*")

_OWN_VARIABLES = re.compile(
    r"(NATS|REDIS|AWS|ECS|PYTHON)_.*|PROTONATS_(GRACE_PERIOD|HEALTH_ADDRESS)|PATH|HOME"
)
_SECRET_NAME = re.compile(
    r"(.*_)?(PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|(API|ACCESS|PRIVATE|SECRET|SIGNING)_?KEY"
    r"|KEY|CREDENTIALS?|SEED)"
)
_SECRET_VALUE = re.compile(r"://[^/@\s]*:[^/@\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----")


def problems_of(
    environments: Mapping[str, Environment], value: Mapping[str, Any], places: Places
) -> Iterator[Problem]:
    """Finds what is wrong with them.

    Args:
        environments: All of them.
        value: The whole manifest, which fits its schema.
        places: Where everything of it stands.
    """
    if "deployment" in value:
        yield from _problems_of_deployment(environments, value["deployment"], places)
    for path, options in _settings(value):
        yield from _problems_of_settings(path, options, places)
    for environment in environments.values():
        yield from _problems_of_environment(environment, value, places)
    for one, other in combinations(environments.values(), 2):
        yield from _problems_between(one, other, places)


def _problems_of_deployment(
    environments: Mapping[str, Environment], options: Mapping[str, Any], places: Places
) -> Iterator[Problem]:
    if not environments:
        text = "deployment has no environments to deploy to: write environments"
        yield Problem(places.of("deployment"), text)
    if options["base_image"].endswith(":latest"):
        text = "base_image is another image tomorrow: write a tag of a version, or a digest"
        yield Problem(places.of("deployment", "base_image"), text)
    owners: dict[str, str] = {}
    for key, name in asdict(Accounts(**options.get("accounts", {}))).items():
        if (owner := owners.setdefault(name, key)) != key:
            text = f"the accounts {owner} and {key} are both called {name}: rename one of them"
            yield Problem(places.of("deployment", "accounts", key), text)
    for name in environments:
        prefix = f"{options['name']}-{name}"
        if len(prefix) > _LONGEST_PREFIX:
            text = (
                f"environment {name}: {prefix} is too long to begin the names of load balancers"
                f" with: make it at most {_LONGEST_PREFIX} characters"
            )
            yield Problem(places.of("environments", name), text)


def _settings(value: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Everything that is settings of services, and where it stands."""
    parents = [("deployment",), *(("environments", name) for name in value.get("environments", {}))]
    for parent in parents:
        options: Any = value
        for key in parent:
            options = options.get(key, {})
        for service, settings in options.get("services", {}).items():
            yield (*parent, "services", service), settings
        if "gateway" in options:
            yield (*parent, "gateway"), options["gateway"]


def _problems_of_settings(
    path: tuple[str, ...], options: Mapping[str, Any], places: Places
) -> Iterator[Problem]:
    where = ".".join(path)
    stop = options.get("stop_timeout")
    if stop is not None and seconds_of(stop) > _LONGEST_STOP:
        text = f"{where}.stop_timeout cannot be {stop!r}: ECS waits for at most 120s: write less"
        yield Problem(places.of(*path, "stop_timeout"), text)
    for name, text in options.get("variables", {}).items():
        wrong = ""
        if _OWN_VARIABLES.fullmatch(name):
            wrong = "is set by the deployment itself: leave it out"
        elif _SECRET_NAME.fullmatch(name) or _SECRET_VALUE.search(text):
            wrong = (
                "looks like a secret, and whoever reads this file reads it: write its name into"
                " `secrets`, and its value into the secret of the service"
            )
        if wrong:
            place = places.of(*path, "variables", name)
            yield Problem(place, f"{where}: the variable {name} {wrong}")
    for name in options.get("secrets", ()):
        if _OWN_VARIABLES.fullmatch(name) or name in options.get("variables", {}):
            text = f"{where}: the secret {name} is a variable already: write another name"
            yield Problem(places.of(*path, "secrets"), text)


def _problems_of_environment(
    environment: Environment, value: Mapping[str, Any], places: Places
) -> Iterator[Problem]:
    path = ("environments", environment.name)
    where = f"environment {environment.name}"
    if network := _problem_of_network(environment.network):
        text = f"{where}: network: {network}: write a range such as 10.20.0.0/16"
        yield Problem(places.of(*path, "network"), text)
    for index, zone in enumerate(environment.zones):
        if not re.fullmatch(f"{environment.region}[a-z]", zone):
            text = f"{where}: zone {zone} is not in region {environment.region}: write one of it"
            yield Problem(places.of(*path, "zones", index), text)
    certificates, alerts = environment.certificates, environment.alerts
    if certificates.renew_before >= certificates.lifetime:
        text = (
            f"{where}: certificates are renewed before they begin: make renew_before shorter than"
            " lifetime"
        )
        yield Problem(places.of(*path, "certificates"), text)
    elif alerts.certificate_expiry >= certificates.renew_before:
        text = (
            f"{where}: every certificate raises an alert before it is renewed: make"
            " certificate_expiry shorter than renew_before of the certificates"
        )
        yield Problem(places.of(*path, "alerts", "certificate_expiry"), text)
    if _ARM.fullmatch(environment.nats.instance_type):
        text = (
            f"{where}: {environment.nats.instance_type} has an ARM processor, and what nodes start"
            " from is for x86-64: write another, such as m6i.large"
        )
        yield Problem(places.of(*path, "nats", "instance_type"), text)
    if environment.nats.file_store > environment.nats.disk:
        text = (
            f"{where}: file_store is larger than the disk that it lies on: make it smaller, some"
            " four fifths of the disk"
        )
        yield Problem(places.of(*path, "nats", "file_store"), text)
    yield from _problems_of_replicas(environment, value, places)
    wrong: dict[tuple[str, ...], str] = {}
    for user, settings in _all_settings(environment):
        if settings.min_tasks > settings.max_tasks:
            origin = _origin(environment, user, ("max_tasks", "min_tasks"), value)
            text = (
                f"{where}: {user} has at least {settings.min_tasks} tasks and at most"
                f" {settings.max_tasks}: make max_tasks larger"
            )
            wrong.setdefault(origin, text)
        if not is_size(settings.cpu, settings.memory):
            origin = _origin(environment, user, ("memory", "cpu"), value)
            text = (
                f"{where}: {user} has {settings.cpu} CPU units with"
                f" {size_text(settings.memory)}, and no task on Fargate is of that size: write cpu"
                f" {advice_on_size(settings.cpu, settings.memory)}"
            )
            wrong.setdefault(origin, text)
    for origin, text in wrong.items():
        yield Problem(places.of(*origin), text)


def _problem_of_network(network: str) -> str:
    try:
        parsed = IPv4Network(network)
    except ValueError as error:
        return str(error)
    if not parsed.is_private:
        return f"{network} has public addresses"
    return "" if parsed.prefixlen in _NETWORK_BITS else f"{network} is no range of /16 to /20"


def _problems_of_replicas(
    environment: Environment, value: Mapping[str, Any], places: Places
) -> Iterator[Problem]:
    """Replicas of one stream lie in different zones. On a single node there is one of each."""
    nodes = environment.nats.nodes
    room = min(nodes, len(environment.zones))
    wanted = {
        ("streams", name): options.get("replicas", 1)
        for name, options in value.get("streams", {}).items()
    }
    buckets = value.get("buckets", {}).get("defaults", {})
    wanted["buckets", "defaults"] = buckets.get("replicas", 1)
    for path, replicas in wanted.items():
        if replicas > room and nodes > 1:
            text = (
                f"{'.'.join(path)} wants {replicas} replicas, each in a zone of its own, and"
                f" environment {environment.name} has {nodes} nodes in {len(environment.zones)}"
                " zones: write fewer replicas, or more nodes and zones"
            )
            yield Problem(places.of(*path, "replicas"), text)


def _problems_between(one: Environment, other: Environment, places: Places) -> Iterator[Problem]:
    wrong = [_problem_of_network(each.network) for each in (one, other)]
    if not any(wrong) and IPv4Network(one.network).overlaps(IPv4Network(other.network)):
        text = (
            f"environment {other.name}: network {other.network} overlaps with {one.network} of"
            f" {one.name}, so the two can never be connected: write another range"
        )
        yield Problem(places.of("environments", other.name, "network"), text)
    if one.gateway and other.gateway and one.gateway.host == other.gateway.host:
        text = (
            f"environment {other.name}: {other.gateway.host} is the host of {one.name} already:"
            " write another"
        )
        yield Problem(places.of("environments", other.name, "gateway", "host"), text)


def _all_settings(environment: Environment) -> Iterator[tuple[str, ServiceSettings]]:
    yield _DEFAULTS, environment.service_defaults
    yield from environment.services.items()
    if environment.gateway:
        yield "gateway", environment.gateway.service


def _origin(
    environment: Environment, user: str, keys: tuple[str, ...], value: Mapping[str, Any]
) -> tuple[str, ...]:
    """Where one of these settings of a service comes from, the nearest first."""
    own: tuple[str, ...] = ("environments", environment.name)
    candidates: list[tuple[str, ...]] = [
        *([(*own, "gateway")] if user == "gateway" else []),
        *(
            (*parent, "services", name)
            for name in (user, _DEFAULTS)
            for parent in (own, ("deployment",))
        ),
    ]
    for path in candidates:
        options: Any = value
        for key in path:
            options = options.get(key, {})
        for key in keys:
            if key in options:
                return (*path, key)
    return own
