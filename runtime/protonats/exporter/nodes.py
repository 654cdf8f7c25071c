"""What the NATS servers say at their monitoring addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from protonats.exporter.http import Address, get
from protonats.exporter.settings import DNS

__all__ = ["NodeAnswers", "addresses_of", "ask_node"]

_PATHS: Final = {
    "serving": "/healthz?js-server-only=true",
    "healthz": "/healthz",
    "varz": "/varz",
    # All of them: the sums would otherwise be those of the first page.
    "connz": "/connz?limit=1000000",
    "routez": "/routez",
    "jsz": "/jsz?accounts=true&streams=true&consumers=true&config=true&raft=true",
}
_PORT: Final = 8222


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeAnswers:
    """What one server said; what it did not answer is empty."""

    address: Address
    serving: Mapping[str, Any]
    healthz: Mapping[str, Any]
    varz: Mapping[str, Any]
    connz: Mapping[str, Any]
    routez: Mapping[str, Any]
    jsz: Mapping[str, Any]

    problems: Sequence[str] = ()
    """Why it did not answer, for each question."""

    @property
    def is_up(self) -> bool:
        """Whether it serves clients, as the load balancer asks."""
        return self.serving.get("status") == "ok"

    @property
    def is_healthy(self) -> bool:
        """Whether it also has all that it should of each stream and consumer."""
        return self.healthz.get("status") == "ok"


async def addresses_of(monitors: Iterable[str]) -> list[Address]:
    """Where the servers are, each once.

    Raises:
        OSError: A name cannot be resolved.
    """
    found: set[Address] = set()
    for url in monitors:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORT
        if parts.scheme != DNS:
            found.add(Address(host, port))
            continue
        resolved = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found |= {Address(str(address[0]), port) for *_, address in resolved}
    return sorted(found)


async def ask_node(address: Address, timeout: float) -> NodeAnswers:
    """Asks one server everything; each answer may take `timeout` seconds."""
    answers = await asyncio.gather(*(_ask(address, path, timeout) for path in _PATHS.values()))
    problems = [answer for answer in answers if isinstance(answer, str)]
    return NodeAnswers(
        address=address,
        # A server that is away is one problem, not one for each question.
        problems=problems[:1] if len(problems) == len(answers) else problems,
        **{
            name: {} if isinstance(answer, str) else answer
            for name, answer in zip(_PATHS, answers, strict=True)
        },
    )


async def _ask(address: Address, path: str, timeout: float) -> Mapping[str, Any] | str:
    try:
        async with asyncio.timeout(timeout):
            return await get(address, path)
    except (OSError, ValueError) as error:
        return f"{address}{path}: {error or type(error).__name__}"
