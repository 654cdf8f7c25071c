"""What every way to call a service has in common, so that all are measured alike."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, cast

__all__ = ["PEERS", "Outcome", "Peer", "Place", "Workload", "load"]

Outcome: TypeAlias = dict[str, float]
"""What a workload did: `count`, `seconds`, and what else it measured."""

Workload: TypeAlias = Callable[..., Awaitable[Outcome]]
"""Works for about as many seconds as its first argument says."""

PEERS: Final[Mapping[str, str]] = {
    "protonats": "bench.peers.protonats_rpc",
    "nats-py": "bench.peers.nats_requests",
    "grpc.aio": "bench.peers.grpc_aio",
    "FastAPI": "bench.peers.fastapi_json",
    "FastStream": "bench.peers.faststream_rpc",
}
"""The module of each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the processes of one peer meet."""

    url: str = ""
    """The URL of the NATS server, empty for a peer without one."""

    redis_url: str | None = None
    """The URL of Redis, for workloads that need it."""

    tls: str | None = None
    """The folder of the certificates, if connections are encrypted; see `bench.certificates`."""

    traced: bool = False
    """Whether calls are traced with OpenTelemetry."""

    address: str = ""
    """Where the server listens, for a peer without a broker; the server says it."""


class Peer(Protocol):
    """A module of `bench.peers`."""

    def serve(self, place: Place) -> AbstractAsyncContextManager[str]:
        """Serves until it is left; gives the address, empty where there is a broker."""
        ...

    def client(self, place: Place) -> AbstractAsyncContextManager[Mapping[str, Workload]]:
        """Connects; gives what can be measured, by name."""
        ...


def load(name: str) -> Peer:
    """The peer of this name; raises ImportError where its packages are missing."""
    return cast(Peer, importlib.import_module(PEERS[name]))


Context: TypeAlias = AsyncIterator[Mapping[str, Workload]]
"""What `client` is written as, under `asynccontextmanager`."""
