"""What runs on ECS: services, the gateway, and tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protoc_gen_nats.access.roles import DEPLOYER, GATEWAY, routed
from protoc_gen_nats.environments import Deployment, Environment, ServiceSettings
from protoc_gen_nats.model import Schema, Service
from protoc_gen_nats.permissions import OPERATOR, user_of
from protoc_gen_nats.targets.ecs.signals import GATEWAY_SIGNALS, Signal, signals_of
from protoc_gen_nats.targets.images import TOOLS
from protoc_gen_nats.targets.scaffold import implementation_class, implementation_module

__all__ = ["Program", "prefix_of", "services_of", "tools_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program, of which there are tasks."""

    name: str
    """What its folder, container and service are called; its family has the prefix before it."""

    user: str
    """The user of NATS that it logs in as."""

    settings: ServiceSettings
    arguments: tuple[str, ...] = ()
    """None: those that its image has."""

    serves: bool = True
    """Whether it runs until it is stopped, and answers health checks; a tool does neither."""

    written: tuple[str, ...] = ()
    """Folders that it writes to, which its image declares as volumes."""

    signals: tuple[Signal, ...] = ()
    """What it is scaled by, beside its CPU."""


def prefix_of(deployment: Deployment, environment: Environment) -> str:
    """What all names begin with, and the name of the cluster: `bodybroker-production`."""
    return f"{deployment.name}-{environment.name}"


def services_of(schema: Schema, environment: Environment) -> Iterator[Program]:
    """The services, and the gateway where the environment wants one and a method has a route."""
    for service in schema.services:
        yield _service(service, environment)
    if environment.gateway is not None and any(map(routed, schema.services)):
        yield Program(
            name=GATEWAY,
            user=GATEWAY,
            settings=environment.service(GATEWAY),
            arguments=environment.service(GATEWAY).arguments,
            signals=GATEWAY_SIGNALS,
        )


def tools_of() -> Iterator[Program]:
    """The command line, as the one who deploys and as the one who operates. Without other
    arguments they look, and change nothing."""
    for name, user, arguments in (
        (TOOLS, DEPLOYER, ("streams", "plan")),
        (OPERATOR, OPERATOR, ("ping",)),
    ):
        yield Program(
            name=name,
            user=user,
            settings=ServiceSettings(),
            arguments=arguments,
            serves=False,
            written=("/tmp",),
        )


def _service(service: Service, environment: Environment) -> Program:
    user = user_of(service)
    settings = environment.service(user)
    target = f"{implementation_module(service)}:{implementation_class(service)}"
    return Program(
        name=user,
        user=user,
        settings=settings,
        arguments=(*settings.arguments, target) if settings.arguments else (),
        signals=signals_of(service),
    )
