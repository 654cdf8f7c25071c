"""The rules of the compose file: what its specification says, and what keeps containers apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from compose_spec import PyCompose

from tests.platform.tools import ROOT

__all__ = ["FILE", "problems_of"]

FILE = ROOT / "generated" / "deploy" / "compose" / "compose.yaml"

_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|SEED|_PEM$|CREDS_TEXT")
_SHARED_KEYS = {"redis-cluster": "redis-1", "exporter": "monitor", "streams": "deployer"}
"""Containers that have the keys of somebody who is called otherwise."""


def problems_of(text: str, folder: Path = FILE.parent) -> list[str]:
    """What is wrong with a compose file.

    Args:
        text: The file.
        folder: Where what it mounts is looked for.
    """
    try:
        PyCompose.from_yaml(text).validate()
    except ValueError as error:
        return [f"specification: {error}"]
    value = yaml.safe_load(text)
    return [*_references(value, folder), *_hardening(value)]


def _references(value: Mapping[str, Any], folder: Path) -> Iterator[str]:
    containers = value["services"]
    for name, one in containers.items():
        for other, condition in one.get("depends_on", {}).items():
            if other not in containers:
                yield f"{name} waits for {other}, which there is none of"
            elif "healthy" in condition["condition"] and "healthcheck" not in containers[other]:
                yield f"{name} waits until {other} is well, which nobody asks it"
        for source in (volume.split(":")[0] for volume in one.get("volumes", ())):
            if source[0] == "." and not (folder / source).exists():
                yield f"{name} mounts {source}, which there is none of"
            if source[0] not in "./" and source not in value["volumes"]:
                yield f"{name} mounts {source}, which is no volume"
        if "build" in one and not (folder / one["build"]["context"]).is_dir():
            yield f"{name} is built of {one['build']['context']}, which there is none of"


def _hardening(value: Mapping[str, Any]) -> Iterator[str]:
    for name, one in value["services"].items():
        wanted = {
            "may write to its image": one.get("read_only") is True,
            "has capabilities": one.get("cap_drop") == ["ALL"],
            "may get more rights": "no-new-privileges:true" in one.get("security_opt", ()),
            "hears no signals": one.get("init") is True,
            "may start any number of processes": 0 < one.get("pids_limit", 0) <= 1024,
            "runs as root": name == "setup" or re.fullmatch(r"[1-9]\d*:[1-9]\d*", one["user"]),
            "may be another image tomorrow": re.search(r":(?!latest$)[\w.-]+$", one["image"]),
            "is killed at once": "stop_grace_period" in one,
            "has privileges": not one.get("privileged"),
            "is in the network of the machine": one.get("networks") == ["platform"],
        }
        yield from (f"{name} {problem}" for problem, holds in wanted.items() if not holds)
        if any(not port.startswith("127.0.0.1:") for port in one.get("ports", ())):
            yield f"{name} is open to everybody"
        for variable, text in one.get("environment", {}).items():
            if _SECRET.search(variable) and not text.startswith("${"):
                yield f"{name} has a secret in {variable}"
        owner = _SHARED_KEYS.get(name, name)
        for volume in one.get("volumes", ()):
            source = volume.split(":")[0]
            foreign = source == "authority" or (
                source.endswith("-keys") and source != f"{owner}-keys"
            )
            if foreign and name != "setup":
                yield f"{name} has the keys of {source.removesuffix('-keys')}"
