"""What a process lacks that its services ask for, said once at its start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from protonats._info import MethodInfo, ServiceInfo
from protonats.settings import Settings


def advice(services: Sequence[ServiceInfo], settings: Settings) -> Iterator[str]:
    """Warnings for people who run the process: what will not work, and what to do.

    What a process cannot do without is an error of its start, and not among them.
    """
    if settings.redis_url is None:
        for service in services:
            yield from _without_redis(service)
    if settings.connection.otel_sample_ratio is not None:
        from opentelemetry import trace

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            yield (
                "PROTONATS_OTEL is set, and no SDK of OpenTelemetry is set up: nothing is recorded;"
                " install opentelemetry-sdk with an exporter and start the process with"
                " `opentelemetry-instrument python -m protonats.serve …`"
            )


def _without_redis(service: ServiceInfo) -> Iterator[str]:
    keyed = [method for method in service.methods if method.idempotency is not None]
    refused = [
        method for method in keyed if method.idempotency and not method.idempotency.fail_open
    ]
    open_ = [method for method in keyed if method not in refused]
    if refused:
        yield (
            f"REDIS_URL is not set, and the schema of {service.full_name} keeps answers by"
            f" idempotency key: calls of {_names(refused)} with a key are answered"
            " FAILED_PRECONDITION"
        )
    if open_:
        yield (
            f"REDIS_URL is not set, and the schema of {service.full_name} keeps answers by"
            f" idempotency key: calls of {_names(open_)} with a key may run twice"
        )
    if cached := [method for method in service.methods if method.cache is not None]:
        yield (
            f"REDIS_URL is not set, and the schema of {service.full_name} caches {_names(cached)}:"
            " each instance has a cache of its own, in memory"
        )


def _names(methods: Sequence[MethodInfo[Any, Any]]) -> str:
    return ", ".join(method.name for method in methods)
