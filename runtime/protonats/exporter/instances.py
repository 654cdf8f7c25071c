"""Which instances of which services are there, and what they have done, from discovery."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from protonats._asking import Answered
from protonats._process.names import user_of
from protonats.errors import ConfigurationError
from protonats.exporter.samples import Sample

__all__ = ["Known", "instance_figures", "planned_services", "requests_of", "services_of"]


@dataclass(frozen=True, order=True, slots=True)
class Known:
    """A service of this platform."""

    full_name: str
    """`bodybroker.quest.v1.QuestService`."""

    name: str
    """`quest`."""

    @property
    def user(self) -> str:
        """Its user of NATS, and the name of its service on ECS."""
        return user_of(self.full_name, self.name)


def planned_services(path: Path) -> list[Known]:
    """The services in `services.json`.

    Raises:
        ConfigurationError: It cannot be read, or is something else.
    """
    try:
        services = json.loads(path.read_text())["services"]
        return [Known(service["full_name"], service["name"]) for service in services]
    except OSError as error:
        raise ConfigurationError(f"EXPORTER_SERVICES names {path}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"EXPORTER_SERVICES: {path} lists no services: {error}") from None


def services_of(answers: Iterable[Answered]) -> dict[Known, list[Answered]]:
    """The instances by service. What others serve under the same discovery is left out."""
    found: dict[Known, list[Answered]] = {}
    for answer in answers:
        if answer.full_name:
            found.setdefault(Known(answer.full_name, answer.name), []).append(answer)
    return found


def requests_of(answer: Answered) -> int:
    """How many calls an instance has taken since it began."""
    return sum(int(endpoint.get("num_requests", 0)) for endpoint in answer.endpoints)


def instance_figures(instances: Mapping[Known, int]) -> Iterator[Sample]:
    """How many instances each service has."""
    for service, count in sorted(instances.items()):
        labels = {"service": service.full_name}
        yield Sample("protonats_platform_service_instances", float(count), labels)
