"""What a process counts about its calls and events, and the text that Prometheus scrapes.

The hot path adds to plain integers. `prometheus_client` is loaded at the first scrape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protonats._telemetry.counters import BUCKETS, Counters, MethodCalls, MethodKey

if TYPE_CHECKING:
    from protonats._telemetry.prometheus import Exporter

__all__ = ["BUCKETS", "MethodCalls", "MethodKey", "Metrics"]


class Metrics(Counters):
    """The counters of one connection."""

    def __init__(self) -> None:
        super().__init__()
        self._exporter: Exporter | None = None

    def render(self, *, connected: bool | None = None) -> bytes:
        """The counters in the Prometheus text format, and those of the process: memory, files, CPU.

        Args:
            connected: Whether the connection stands, for `protonats_connected`; None leaves it out.
        """
        if self._exporter is None:
            from protonats._telemetry.prometheus import Exporter

            self._exporter = Exporter(self)
        return self._exporter.render(connected)
