"""What all containers of the compose file have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "KEYS",
    "PROJECT",
    "USER",
    "container",
    "keys_volume",
    "loopback",
    "seconds",
    "setup_first",
]

PROJECT = "../../.."
"""The project, from the folder of the compose file."""

USER = "10001:10001"
"""The user and group of every container but `setup`, as in the images."""

KEYS = "/run/protonats"
"""Where a container finds what it proves with who it is: `ca.pem`, `cert.pem`, `key.pem`, and a
service `nkey.seed`."""


def container(
    image: str,
    *,
    volumes: Iterable[str] = (),
    depends_on: Mapping[str, str],
    health: Sequence[str] = (),
    start_period: float = 60.0,
    stop: float = 10.0,
    **settings: Any,
) -> dict[str, Any]:
    """A container with nothing that it does not need: no root, no capabilities, no file system to
    write to but its volumes.

    Args:
        image: Its image.
        volumes: What is mounted, `source:target`, with `:ro` behind it to be read only.
        depends_on: What comes first, and what has to be true of it.
        health: The command that tells whether it is well.
        start_period: Seconds in which it does not have to be.
        stop: Seconds between SIGTERM and SIGKILL.
        settings: More.
    """
    made: dict[str, Any] = {
        "image": image,
        **settings,
        "user": settings.get("user", USER),
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": True,
        "pids_limit": 512,
        "stop_grace_period": seconds(stop),
        "restart": settings.get("restart", "on-failure"),
        "volumes": list(volumes),
        "networks": ["platform"],
        "depends_on": {name: {"condition": condition} for name, condition in depends_on.items()},
    }
    if health:
        made["healthcheck"] = {
            "test": ["CMD", *health],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "start_period": seconds(start_period),
        }
    return {key: value for key, value in made.items() if value}


def keys_volume(name: str) -> str:
    """The volume with the keys of a container."""
    return f"{name}-keys:{KEYS}:ro"


def setup_first() -> dict[str, str]:
    """That there are keys."""
    return {"setup": "service_completed_successfully"}


def loopback(port: int) -> list[str]:
    """A port of a container on this machine, for nobody else."""
    return [f"127.0.0.1:{port}:{port}"]


def seconds(value: float) -> str:
    """Seconds as compose files have them."""
    return f"{value:g}s"
