"""Reads the keys `deployment` and `environments` of `protonats.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from protoc_gen_nats.checked_yaml import Places
from protoc_gen_nats.environments import (
    Accounts,
    AlertThresholds,
    CertificateSettings,
    Deployment,
    Environment,
    GatewaySettings,
    NatsSettings,
    RedisSettings,
    ServiceSettings,
)
from protoc_gen_nats.errors import Place
from protoc_gen_nats.quantities import bytes_of, seconds_of

__all__ = ["convert", "read_deployment", "read_environments"]

_T = TypeVar("_T")

_DEFAULTS = "defaults"
_ZONES = "abc"
_LOG_RETENTION = 30
_REQUIREMENTS = ("tools_requirements", "exporter_requirements", "build_requirements")

_CONVERTED: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("stop_timeout", "lifetime", "renew_before", "latency"), seconds_of),
    "certificate_expiry": seconds_of,
    **dict.fromkeys(("disk", "file_store", "memory", "memory_store", "max_payload"), bytes_of),
    "arguments": tuple,
    "files": tuple,
    "secrets": tuple,
}
"""What becomes of the values of these keys, wherever they are."""


def read_deployment(value: Mapping[str, Any], places: Places) -> Deployment | None:
    """What all environments have in common; None where the manifest has no `deployment`.

    Args:
        value: The whole manifest, which fits its schema.
        places: Where everything of it stands.
    """
    options = value.get("deployment")
    if options is None:
        return None
    return Deployment(
        name=options["name"],
        base_image=options["base_image"],
        login=options.get("login", "nkeys"),
        accounts=Accounts(**options.get("accounts", {})),
        **{key: options[key] for key in _REQUIREMENTS if key in options},
        named=tuple(_named(value, places)),
    )


def read_environments(value: Mapping[str, Any], places: Places) -> Mapping[str, Environment]:
    """The environments, by name, in the order of the manifest. The arguments are those of
    `read_deployment`."""
    common = value.get("deployment", {}).get("services", {})
    return {
        name: _environment(name, options, common, places.of("environments", name))
        for name, options in value.get("environments", {}).items()
    }


def _named(value: Mapping[str, Any], places: Places) -> Iterator[tuple[str, Place]]:
    parents: list[tuple[str, ...]] = [
        ("environments", name) for name in value.get("environments", {})
    ]
    for parent in [*parents, ("deployment",)]:
        options: Any = value
        for key in parent:
            options = options[key]
        for service in options.get("services", {}):
            if service != _DEFAULTS:
                yield service, places.of(*parent, "services", service)


def _environment(
    name: str, options: Mapping[str, Any], common: Mapping[str, Any], place: Place
) -> Environment:
    own = options.get("services", {})
    base = _merged(common.get(_DEFAULTS, {}), own.get(_DEFAULTS, {}))
    region = options["region"]
    gateway = dict(options.get("gateway", {}))
    host = gateway.pop("host", None)
    return Environment(
        name=name,
        region=region,
        zones=tuple(options.get("zones", [f"{region}{letter}" for letter in _ZONES])),
        network=options["network"],
        registry=options["registry"],
        log_retention=options.get("log_retention", _LOG_RETENTION),
        service_defaults=_made(ServiceSettings, base),
        services={
            service: _made(
                ServiceSettings, _merged(base, common.get(service, {}), own.get(service, {}))
            )
            for service in dict.fromkeys((*common, *own))
            if service != _DEFAULTS
        },
        nats=_made(NatsSettings, options["nats"]),
        redis=_made(RedisSettings, options["redis"]) if "redis" in options else None,
        gateway=(
            GatewaySettings(host=host, service=_made(ServiceSettings, _merged(base, gateway)))
            if host is not None
            else None
        ),
        certificates=_made(CertificateSettings, options.get("certificates", {})),
        alerts=_made(AlertThresholds, options.get("alerts", {})),
        place=place,
    )


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win; variables and secrets are joined."""
    merged: dict[str, Any] = {}
    for layer in layers:
        variables = {**merged.get("variables", {}), **layer.get("variables", {})}
        secrets = dict.fromkeys([*merged.get("secrets", ()), *layer.get("secrets", ())])
        merged.update(layer, variables=variables, secrets=tuple(secrets))
    return merged


def convert(key: str, value: Any) -> Any:
    """A value as the dataclasses of `environments` have it, by the name of its key."""
    if (conversion := _CONVERTED.get(key)) is not None:
        return conversion(value)
    # A whole number that is written as 3.0 is 3, to JSON Schema too.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _made(kind: type[_T], options: Mapping[str, Any]) -> _T:
    return kind(**{key: convert(key, value) for key, value in options.items()})
