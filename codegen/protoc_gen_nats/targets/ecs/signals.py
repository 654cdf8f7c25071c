"""The metrics that say how much one task of a service has to do."""

from __future__ import annotations

from dataclasses import dataclass

from protoc_gen_nats.environments import ServiceSettings
from protoc_gen_nats.model import Service

__all__ = ["GATEWAY_SIGNALS", "Signal", "signals_of"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One metric, which the exporter publishes every 10 s."""

    name: str
    metric: str
    setting: str
    """The setting that says how much of it one task shall have."""

    def target(self, settings: ServiceSettings) -> int:
        """How much of it one task shall have."""
        target: int = getattr(settings, self.setting)
        return target


_REQUESTS = Signal("requests", "RequestsPerTask", "requests_per_task")
_QUEUE = Signal("queue", "QueuePerTask", "queue_per_task")

GATEWAY_SIGNALS = (_REQUESTS,)


def signals_of(service: Service) -> tuple[Signal, ...]:
    """Its rate of calls if it has methods, and its queue if it consumes events."""
    requests = (_REQUESTS,) if service.methods else ()
    return (*requests, _QUEUE) if service.consumers else requests
