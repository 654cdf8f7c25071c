"""protonats: generated stubs, everything on that is on by default."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from acme.bench.v1.bench_nats import BenchServiceClient

import protonats
from bench import certificates
from bench.peer import Context, Place
from bench.peers import protonats_cache, protonats_calls, protonats_events
from bench.peers.protonats_service import BenchService
from protonats import ConnectionSettings, Settings

_MAX_IN_FLIGHT = 20_000


@asynccontextmanager
async def serve(place: Place) -> AsyncIterator[str]:
    async with protonats.Application(_settings(place)) as application:
        if place.traced:
            _trace(application.connection)
        await application.serve(BenchService())
        yield ""


@asynccontextmanager
async def client(place: Place) -> Context:
    settings = _settings(place)
    async with protonats.Application(settings) as application:
        connection = application.connection
        if place.traced:
            _trace(connection)
        workloads = {
            **protonats_calls.workloads(BenchServiceClient(connection)),
            **protonats_events.workloads(connection, settings),
        }
        if place.redis_url is not None:
            workloads |= protonats_cache.workloads(application)
        yield workloads


def _settings(place: Place) -> Settings:
    authority = None if place.tls is None else Path(place.tls, certificates.AUTHORITY)
    connection = ConnectionSettings(
        servers=(place.url,),
        name="bench",
        tls_ca=authority,
        tls_hostname=None if authority is None else certificates.HOST,
    )
    return Settings(
        connection=connection,
        redis_url=place.redis_url,
        health_address=None,
        max_in_flight=_MAX_IN_FLIGHT,
    )


def _trace(connection: protonats.Connection) -> None:
    """Traces one call of a hundred; spans end in memory, as a batching exporter's would."""
    from opentelemetry.sdk.trace import TracerProvider

    from protonats import telemetry

    telemetry.instrument(connection, tracer_provider=TracerProvider(), sample_ratio=0.01)
