"""How the exporter is configured: what it asks, how often, and where it answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from protonats._checks import check_seconds, check_url
from protonats._environment import Variables
from protonats.errors import ConfigurationError
from protonats.settings import Settings

__all__ = ["DNS", "ExporterSettings"]

DNS: Final = "dns+http"
"""The scheme of a name that stands for many servers, one at each of its addresses."""

_SCHEMES: Final = ("http", DNS)
_USER: Final = "monitor"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExporterSettings:
    """What is asked, how often, and where the figures are served.

    Raises:
        ConfigurationError: A value is not usable; the text names it and what to write.
    """

    process: Settings = field(default_factory=Settings)
    """The connections to NATS and Redis: NATS_URL and REDIS_URL, and what belongs to them."""

    address: tuple[str, int] = ("0.0.0.0", 7777)
    """Where figures and health are served; port 0 is a free one (EXPORTER_ADDRESS)."""

    monitors: tuple[str, ...] = ()
    """The monitoring addresses of the NATS servers, `http://host:8222` each, or
    `dns+http://name:8222` for a server at each address of a name (EXPORTER_NATS_MONITORS)."""

    plan: Path | None = None
    """The planned streams and consumers, `jetstream.json` (EXPORTER_PLAN)."""

    services: Path | None = None
    """The planned services, `services.json` (EXPORTER_SERVICES)."""

    cluster: str | None = None
    """The cluster of ECS whose services are scaled by figures on CloudWatch; None publishes none
    (EXPORTER_CLOUDWATCH)."""

    region: str | None = None
    """The region of that cluster. ECS sets AWS_REGION, which boto3 does not read."""

    interval: float = 10.0
    """Seconds between two rounds of questions (EXPORTER_INTERVAL)."""

    def __post_init__(self) -> None:
        for url in self.monitors:
            check_url("monitors (EXPORTER_NATS_MONITORS)", url, _SCHEMES, "http://127.0.0.1:8222")
        if not 0 <= self.address[1] <= 65535:
            raise ConfigurationError(
                f"address (EXPORTER_ADDRESS) has port {self.address[1]}: write 0 to 65535"
            )
        check_seconds("interval (EXPORTER_INTERVAL)", self.interval)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Reads the variables that the fields name.

        Raises:
            ConfigurationError: A variable is not usable; the text names it and what to write.
        """
        environ = os.environ if environ is None else environ
        variables = Variables(environ)
        address = variables.address("EXPORTER_ADDRESS", "0.0.0.0:7777")
        if address is None:
            raise ConfigurationError("EXPORTER_ADDRESS is empty: write host:port")
        settings = cls(
            process=Settings.from_environment(environ, name=_USER),
            address=address,
            monitors=tuple(
                url.strip()
                for url in variables.text("EXPORTER_NATS_MONITORS", "").split(",")
                if url.strip()
            ),
            plan=variables.path("EXPORTER_PLAN"),
            services=variables.path("EXPORTER_SERVICES"),
            cluster=variables.optional("EXPORTER_CLOUDWATCH"),
            region=variables.optional("AWS_REGION"),
            interval=variables.seconds("EXPORTER_INTERVAL", 10.0),
        )
        variables.warn_of_unknown("EXPORTER_")
        return settings
