"""The compose file: containers, volumes, network."""

from __future__ import annotations

from typing import Any

from protoc_gen_nats.access.roles import DEPLOYER, MONITOR
from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.model import Schema, Service
from protoc_gen_nats.permissions import OPERATOR, user_of
from protoc_gen_nats.targets.compose.containers import (
    KEYS,
    PROJECT,
    container,
    keys_volume,
)
from protoc_gen_nats.targets.compose.servers import nats_names, redis_names, servers
from protoc_gen_nats.targets.images import EXPORTER, TOOLS
from protoc_gen_nats.targets.scaffold import implementation_class, implementation_module

__all__ = ["platform", "volumes_of"]

_AUTHORITY = "authority"
"""The volume with what signs certificates: only `setup` has it."""


def platform(schema: Schema, deployment: Deployment, environment: Environment) -> dict[str, Any]:
    """The whole compose file."""
    containers = {
        "setup": _setup(deployment, environment),
        **dict(servers(environment)),
        "streams": _streams(deployment, environment),
        **{
            user_of(service): _service(service, deployment, environment)
            for service in schema.services
        },
        "exporter": _exporter(deployment, environment),
        "operator": _operator(deployment, environment),
    }
    volumes = [_AUTHORITY, *volumes_of(containers)]
    containers["setup"]["volumes"] += [f"{name}:/volumes/{name}" for name in volumes]
    return {
        "name": deployment.name,
        "services": containers,
        "networks": {"platform": {}},
        "volumes": dict.fromkeys(volumes),
    }


def volumes_of(containers: dict[str, Any]) -> list[str]:
    """The named volumes that containers mount."""
    sources = (
        volume.partition(":")[0] for one in containers.values() for volume in one.get("volumes", ())
    )
    return list(dict.fromkeys(source for source in sources if source[0] not in "./"))


def _image(deployment: Deployment, name: str) -> dict[str, Any]:
    return {
        "image": f"localhost/{deployment.name}/{name}:dev",
        "build": {
            "context": PROJECT,
            "dockerfile": f"generated/deploy/images/{name}/Dockerfile",
        },
    }


def _setup(deployment: Deployment, environment: Environment) -> dict[str, Any]:
    """What makes keys and certificates, once, gives each container its own, and ends."""
    return container(
        **_image(deployment, TOOLS),
        entrypoint=["sh", "/setup.sh"],
        # It writes into volumes that belong to root until it gives them away.
        user="0:0",
        cap_add=["CHOWN", "DAC_OVERRIDE", "FOWNER"],
        restart="no",
        tmpfs=["/tmp"],
        volumes=[
            "./setup.sh:/setup.sh:ro",
            "./routes.conf:/generated/routes.conf:ro",
            f"../{environment.name}/nats:/generated/nats:ro",
        ],
        depends_on={},
    )


def _streams(deployment: Deployment, environment: Environment) -> dict[str, Any]:
    """What creates streams, consumers and buckets, and ends."""
    single = ["--replicas", "1"] if environment.nats.nodes == 1 else []
    return container(
        **_image(deployment, TOOLS),
        command=["streams", "apply", "--yes", *single],
        environment=_connection(deployment, environment, DEPLOYER),
        tmpfs=["/tmp"],
        volumes=[keys_volume(DEPLOYER)],
        depends_on=dict.fromkeys(nats_names(environment), "service_healthy"),
    )


def _service(service: Service, deployment: Deployment, environment: Environment) -> dict[str, Any]:
    user = user_of(service)
    settings = environment.service(user)
    target = f"{implementation_module(service)}:{implementation_class(service)}"
    variables = {
        **_connection(deployment, environment, user),
        "PROTONATS_HEALTH_ADDRESS": "0.0.0.0:8080",
        "PROTONATS_GRACE_PERIOD": f"{settings.grace_period:g}",
        **_redis(environment),
    }
    # What looks like one of compose's own variables is none.
    variables |= {name: text.replace("$", "$$") for name, text in settings.variables.items()}
    variables |= {name: f"${{{name}:?{user} needs it}}" for name in settings.secrets}
    return container(
        **_image(deployment, user),
        command=[*settings.arguments, target] if settings.arguments else None,
        environment=variables,
        mem_limit=settings.memory,
        volumes=[keys_volume(user)],
        depends_on=_first(environment),
        health=["python", "-m", "protonats.health_check"],
        start_period=70.0,
        stop=settings.stop_timeout,
    )


def _exporter(deployment: Deployment, environment: Environment) -> dict[str, Any]:
    """What tells Prometheus about the servers, the streams and the services."""
    monitors = ",".join(f"http://{name}:8222" for name in nats_names(environment))
    return container(
        **_image(deployment, EXPORTER),
        environment={
            **_connection(deployment, environment, MONITOR),
            "EXPORTER_NATS_MONITORS": monitors,
            **_redis(environment),
        },
        volumes=[keys_volume(MONITOR)],
        depends_on=_first(environment),
        health=["python", "-m", "protonats.health_check"],
    )


def _operator(deployment: Deployment, environment: Environment) -> dict[str, Any]:
    """The command line for people, which starts when somebody calls it."""
    return container(
        **_image(deployment, TOOLS),
        command=["ping"],
        profiles=["operator"],
        environment=_connection(deployment, environment, OPERATOR),
        restart="no",
        tmpfs=["/tmp"],
        volumes=[keys_volume(OPERATOR)],
        depends_on={},
    )


def _first(environment: Environment) -> dict[str, str]:
    """What has to be done before a service starts."""
    done = ["streams", *(["redis-cluster"] if environment.redis else [])]
    return dict.fromkeys(done, "service_completed_successfully")


def _redis(environment: Environment) -> dict[str, str]:
    """The variable with which a program finds Redis."""
    if not environment.redis:
        return {}
    tls = f"ssl_ca_certs={KEYS}/ca.pem&ssl_certfile={KEYS}/cert.pem&ssl_keyfile={KEYS}/key.pem"
    return {"REDIS_URL": f"rediss+cluster://{redis_names(environment)[0]}:6379?{tls}"}


def _connection(deployment: Deployment, environment: Environment, user: str) -> dict[str, str]:
    """The variables with which a program logs in to NATS."""
    login = (
        {"NATS_NKEY": f"{KEYS}/nkey.seed"}
        if deployment.login == "nkeys"
        else {"NATS_CREDS": f"{KEYS}/user.creds"}
    )
    return {
        "NATS_URL": ",".join(f"tls://{name}:4222" for name in nats_names(environment)),
        "NATS_NAME": user,
        "NATS_CA": f"{KEYS}/ca.pem",
        "NATS_CERT": f"{KEYS}/cert.pem",
        "NATS_KEY": f"{KEYS}/key.pem",
        **login,
    }
