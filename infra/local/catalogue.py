"""The platform as the generator describes it: its services, and what they need of NATS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "CatalogueError", "Service", "load_jetstream_plan", "load_services"]

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""


class CatalogueError(Exception):
    """A generated file is missing or malformed; the text names the command that mends it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One service of the platform."""

    name: str
    """The name in discovery, `npc_behavior`."""

    full_name: str
    """The full name of the proto service."""

    module: str
    """The generated module with its client."""

    target: str
    """What the entry point is started with, `services.npc_behavior.service:NpcBehaviorService`."""


def load_services(root: Path = ROOT) -> tuple[Service, ...]:
    """The services in `generated/deploy/services.json`, by name.

    Raises:
        CatalogueError: The file is missing, or lacks something.
    """
    path = root / "generated" / "deploy" / "services.json"
    content = _read(path)
    try:
        services = [
            Service(**{field.name: str(entry[field.name]) for field in fields(Service)})
            for entry in content["services"]
        ]
    except (KeyError, TypeError) as error:
        raise CatalogueError(f"{path} lacks {error}: run `make generate`") from None
    return tuple(sorted(services, key=lambda service: service.name))


def load_jetstream_plan(root: Path = ROOT) -> Mapping[str, Any]:
    """The streams, consumers and buckets in `generated/deploy/nats/jetstream.json`.

    Raises:
        CatalogueError: The file is missing.
    """
    return _read(root / "generated" / "deploy" / "nats" / "jetstream.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(
            f"{path} cannot be read ({error.strerror}): run `make generate`"
        ) from None
    except ValueError as error:
        raise CatalogueError(f"{path} is not JSON ({error}): run `make generate`") from None
    if not isinstance(content, dict):
        raise CatalogueError(f"{path} is not a JSON object: run `make generate`")
    return content
