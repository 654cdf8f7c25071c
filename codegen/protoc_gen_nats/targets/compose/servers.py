"""NATS, Redis and what watches them, in containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protoc_gen_nats.environments import Environment
from protoc_gen_nats.targets.compose.containers import (
    KEYS,
    container,
    keys_volume,
    loopback,
    setup_first,
)

__all__ = ["nats_names", "redis_names", "servers"]

_NATS = "docker.io/library/nats:2.12-alpine"
_REDIS = "docker.io/library/redis:7.4-alpine"
_PROMETHEUS = "docker.io/prom/prometheus:v3.5.0"
_ALERTMANAGER = "docker.io/prom/alertmanager:v0.28.1"

_DATA = "/var/lib/data"
"""Where a container keeps what it keeps: in `data` below it, which is its own."""

_ALERTING = "/etc/alertmanager/alertmanager.yaml"

_REDIS_TLS = (
    *("--tls", "--cacert", f"{KEYS}/ca.pem", "--cert", f"{KEYS}/cert.pem"),
    *("--key", f"{KEYS}/key.pem"),
)


def nats_names(environment: Environment) -> list[str]:
    """The NATS servers."""
    return [f"nats-{number + 1}" for number in range(environment.nats.nodes)]


def redis_names(environment: Environment) -> list[str]:
    """The Redis servers."""
    redis = environment.redis
    count = redis.shards * (1 + redis.replicas) if redis else 0
    return [f"redis-{number + 1}" for number in range(count)]


def servers(environment: Environment) -> Iterator[tuple[str, dict[str, Any]]]:
    """The containers, by name, in the order in which they start."""
    for index, name in enumerate(nats_names(environment)):
        yield name, _nats(environment, index, name)
    for name in redis_names(environment):
        yield name, _redis(name)
    if environment.redis:
        yield "redis-cluster", _redis_cluster(environment)
    yield "alertmanager", _alertmanager()
    yield "prometheus", _prometheus(environment)


def _nats(environment: Environment, index: int, name: str) -> dict[str, Any]:
    zone = environment.zones[index % len(environment.zones)]
    return container(
        _NATS,
        entrypoint=["nats-server"],
        command=["-c", "/etc/nats/nats.conf"],
        environment={
            "NATS_SERVER_NAME": name,
            "NATS_SERVER_TAG": f"az:{zone}",
            "NATS_LISTEN": "0.0.0.0:4222",
            "NATS_HTTP": "0.0.0.0:8222",
            "NATS_CLUSTER_LISTEN": "0.0.0.0:6222",
            "NATS_CLUSTER_ADVERTISE": f"{name}:6222",
            "NATS_STORE_DIR": f"{_DATA}/data",
            "NATS_TLS_CA": f"{KEYS}/ca.pem",
            "NATS_TLS_CERT": f"{KEYS}/cert.pem",
            "NATS_TLS_KEY": f"{KEYS}/key.pem",
        },
        volumes=["nats-configuration:/etc/nats:ro", keys_volume(name), f"{name}-data:{_DATA}"],
        ports=loopback(4222) if index == 0 else [],
        depends_on=setup_first(),
        health=["wget", "-q", "-O", "-", "http://127.0.0.1:8222/healthz?js-server-only=true"],
    )


def _redis(name: str) -> dict[str, Any]:
    options = {
        "port": "0",
        "tls-port": "6379",
        "tls-ca-cert-file": f"{KEYS}/ca.pem",
        "tls-cert-file": f"{KEYS}/cert.pem",
        "tls-key-file": f"{KEYS}/key.pem",
        "tls-auth-clients": "yes",
        # Without a password, it would only talk to its own machine; certificates say who calls.
        "protected-mode": "no",
        "tls-replication": "yes",
        "tls-cluster": "yes",
        "cluster-enabled": "yes",
        "cluster-announce-hostname": name,
        "cluster-preferred-endpoint-type": "hostname",
        "appendonly": "yes",
        "dir": f"{_DATA}/data",
    }
    return container(
        _REDIS,
        entrypoint=["redis-server"],
        command=[part for key, value in options.items() for part in (f"--{key}", value)],
        volumes=[keys_volume(name), f"{name}-data:{_DATA}"],
        depends_on=setup_first(),
        health=["redis-cli", *_REDIS_TLS, "ping"],
    )


def _redis_cluster(environment: Environment) -> dict[str, Any]:
    """What makes one cluster of the Redis servers, and ends."""
    assert environment.redis is not None
    names = redis_names(environment)
    return container(
        _REDIS,
        entrypoint=["sh", "/redis-cluster.sh"],
        command=[str(environment.redis.replicas), *names],
        volumes=["./redis-cluster.sh:/redis-cluster.sh:ro", keys_volume("redis-1")],
        depends_on=dict.fromkeys(names, "service_healthy"),
    )


def _alertmanager() -> dict[str, Any]:
    return container(
        _ALERTMANAGER,
        entrypoint=["alertmanager"],
        command=[f"--config.file={_ALERTING}", f"--storage.path={_DATA}/data"],
        volumes=[f"./alertmanager.yaml:{_ALERTING}:ro", f"alertmanager-data:{_DATA}"],
        ports=loopback(9093),
        depends_on=setup_first(),
        health=["wget", "-q", "-O", "-", "http://127.0.0.1:9093/-/ready"],
    )


def _prometheus(environment: Environment) -> dict[str, Any]:
    return container(
        _PROMETHEUS,
        entrypoint=["prometheus"],
        command=[
            "--config.file=/etc/prometheus/prometheus.yaml",
            f"--storage.tsdb.path={_DATA}/data",
        ],
        volumes=[
            "./prometheus.yaml:/etc/prometheus/prometheus.yaml:ro",
            f"../{environment.name}/prometheus:/etc/prometheus/rules:ro",
            f"prometheus-data:{_DATA}",
        ],
        ports=loopback(9090),
        depends_on=setup_first(),
        health=["wget", "-q", "-O", "-", "http://127.0.0.1:9090/-/ready"],
    )
