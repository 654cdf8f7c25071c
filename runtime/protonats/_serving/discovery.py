"""Discovery of services: ADR-32, section 12 of the wire protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from protonats._info import ServiceInfo
from protonats._serving.endpoint import Endpoint
from protonats._transport.message import Message
from protonats._transport.transport import Subscription, Transport
from protonats._wire import call, subjects
from protonats.errors import StatusError
from protonats.metrics import Metrics

__all__ = ["Discovery", "info_response", "ping_response", "stats_response"]

_TYPE: Final = "io.nats.micro.v1."
_VERBS: Final = ("PING", "INFO", "STATS")


class Discovery:
    """Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` for one instance.

    Attributes:
        subscriptions: What it is subscribed to, while it runs.
    """

    def __init__(
        self,
        transport: Transport,
        service: ServiceInfo,
        instance: str,
        endpoints: Sequence[Endpoint],
        metrics: Metrics,
    ) -> None:
        self.subscriptions: list[Subscription] = []
        self._transport = transport
        self._service = service
        self._instance = instance
        self._endpoints = endpoints
        self._metrics = metrics
        self._started = datetime.now(UTC)

    async def start(self) -> None:
        """Subscribes, and returns when the server knows.

        Raises:
            StatusError: UNAVAILABLE, if the connection breaks meanwhile.
        """
        self._started = datetime.now(UTC)
        for verb in _VERBS:
            for subject in discovery_subjects(verb, self._service.name, self._instance):
                callback = partial(self._receive, verb, subject)
                self.subscriptions.append(await self._transport.subscribe(subject, callback))
        await self._transport.barrier()

    async def stop(self) -> None:
        """Unsubscribes; the instance is not found any more."""
        await self._transport.unsubscribe(*self.subscriptions)
        self.subscriptions.clear()

    def _receive(self, verb: str, subject: str, message: Message) -> None:
        reason = subjects.why_dropped(subject, message.subject, message.reply)
        if reason is None:
            try:
                self._answer(verb, message.reply)
            except StatusError:
                reason = "answer"
        if reason is not None:
            self._metrics.dropped(reason)

    def _answer(self, verb: str, reply: str) -> None:
        if verb == "PING":
            response = ping_response(self._service, self._instance)
        elif verb == "INFO":
            response = info_response(self._service, self._instance, self._endpoints)
        else:
            response = stats_response(self._service, self._instance, self._endpoints, self._started)
        self._transport.publish(reply, json.dumps(response).encode())


def discovery_subjects(verb: str, name: str, instance: str) -> tuple[str, str, str]:
    """Where an instance is asked: all services, its service, itself."""
    return f"$SRV.{verb}", f"$SRV.{verb}.{name}", f"$SRV.{verb}.{name}.{instance}"


def ping_response(service: ServiceInfo, instance: str) -> dict[str, Any]:
    """Who is there."""
    return _response("ping_response", service, instance)


def info_response(
    service: ServiceInfo, instance: str, endpoints: Sequence[Endpoint]
) -> dict[str, Any]:
    """What the instance serves, and where."""
    return _response("info_response", service, instance) | {
        "description": service.description,
        "endpoints": [
            _endpoint(service, endpoint)
            | {
                "metadata": {
                    "protonats.kind": endpoint.method.kind.value,
                    "protonats.request": endpoint.method.request.DESCRIPTOR.full_name,
                    "protonats.response": endpoint.method.response.DESCRIPTOR.full_name,
                }
            }
            for endpoint in endpoints
        ],
    }


def stats_response(
    service: ServiceInfo, instance: str, endpoints: Sequence[Endpoint], started: datetime
) -> dict[str, Any]:
    """What the instance has done since it started; times are in nanoseconds."""
    return _response("stats_response", service, instance) | {
        "started": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "endpoints": [_endpoint(service, endpoint) | _stats(endpoint) for endpoint in endpoints],
    }


def _response(kind: str, service: ServiceInfo, instance: str) -> dict[str, Any]:
    return {
        "type": _TYPE + kind,
        "name": service.name,
        "id": instance,
        "version": service.version,
        "metadata": {
            "protonats.protocol": str(call.PROTOCOL_VERSION),
            "protonats.service": service.full_name,
        },
    }


def _endpoint(service: ServiceInfo, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "subject": endpoint.template.listen,
        "queue_group": subjects.queue_group(service.domain),
    }


def _stats(endpoint: Endpoint) -> dict[str, Any]:
    stats = endpoint.stats
    nanoseconds = int(stats.processing_seconds * 1_000_000_000)
    return {
        "num_requests": stats.requests,
        "num_errors": stats.errors,
        "last_error": stats.last_error,
        "processing_time": nanoseconds,
        "average_processing_time": nanoseconds // stats.requests if stats.requests else 0,
    }
