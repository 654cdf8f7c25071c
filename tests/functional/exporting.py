"""An exporter that a test runs, and what it tells."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from prometheus_client.parser import text_string_to_metric_families

from protonats.exporter.cloudwatch import CloudWatch
from protonats.exporter.exporter import Exporter
from protonats.exporter.settings import ExporterSettings
from protonats.testing import EmbeddedNats
from tests.functional.game import until
from tests.functional.processes import Process

_PATH = os.pathsep.join(os.path.abspath(path) for path in sys.path)

_PROCESS = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": _PATH,
    "EXPORTER_ADDRESS": "127.0.0.1:0",
}

CONFIG = """
http: "127.0.0.1:{port}"
accounts {{
  SERVICES {{
    jetstream: enabled
    users: [{{user: services, password: services}}]
    exports: [
      {{service: "$SRV.STATS", response_type: stream}}
      {{service: "$JS.API.STREAM.INFO.DLQ"}}
      {{stream: "$JS.EVENT.ADVISORY.>"}}
    ]
  }}
  MONITORING {{
    users: [{{user: monitor, password: monitor}}]
    imports: [
      {{service: {{account: SERVICES, subject: "$SRV.STATS"}}}}
      {{service: {{account: SERVICES, subject: "$JS.API.STREAM.INFO.DLQ"}}, to: "dead_letters.DLQ"}}
      {{stream: {{account: SERVICES, subject: "$JS.EVENT.ADVISORY.>"}}}}
    ]
  }}
}}
"""


class Platform:
    """A NATS server with the accounts of a platform.

    Attributes:
        server: It.
        node: Its monitoring address.
    """

    def __init__(self, *, port: int | None = None) -> None:
        """
        Args:
            port: Where clients connect to, if that has to be known before there is a server.
        """
        monitor = free_port()
        self.node = f"127.0.0.1:{monitor}"
        self.server = EmbeddedNats(jetstream=True, config=CONFIG.format(port=monitor), port=port)

    def url(self, user: str = "services") -> str:
        """Where a user connects to."""
        return self.server.url.replace("://", f"://{user}:{user}@")

    def variables(self) -> dict[str, str]:
        """How an exporter finds it."""
        return {
            "NATS_URL": self.url("monitor"),
            "EXPORTER_NATS_MONITORS": f"http://{self.node}",
            "EXPORTER_INTERVAL": "0.2",
        }


@contextmanager
def platform() -> Iterator[Platform]:
    """One that runs."""
    started = Platform()
    with started.server:
        yield started


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


class Told:
    """The figures of an exporter."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def text(self) -> str:
        """What would be scraped."""
        return self._exporter.render().decode()

    def values(self, name: str, /, **labels: str) -> list[float]:
        """The numbers with these labels."""
        return [
            sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    async def until(self, name: str, /, *values: float, **labels: str) -> None:
        """Returns when these are the numbers."""
        try:
            await until(lambda: sorted(self.values(name, **labels)) == sorted(values))
        except TimeoutError:
            lines = [line for line in self.text().splitlines() if line.startswith(name)]
            raise AssertionError("\n".join([f"not {values}", *lines])) from None


@asynccontextmanager
async def exporting(
    variables: Mapping[str, str], *, cloudwatch: CloudWatch | None = None
) -> AsyncIterator[Told]:
    """An exporter in this process, which runs until the end."""
    settings = ExporterSettings.from_environment(variables)
    exporter = Exporter(settings, cloudwatch=cloudwatch)
    running = asyncio.create_task(exporter.run())
    try:
        yield Told(exporter)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def started(variables: Mapping[str, str], *arguments: str) -> AsyncIterator[Process]:
    """A process, which is killed at the end if it still runs."""
    process = Process(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "protonats.exporter", *arguments),
            env={**_PROCESS, **variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    try:
        yield process
    finally:
        await process.stop()
