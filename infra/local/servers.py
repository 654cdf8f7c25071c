"""NATS and Redis for one run, on ports of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import protonats
from process import how_it_ended
from protonats import provision
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats, EmbeddedRedis

__all__ = ["Servers", "ServersError", "connect", "run_servers", "until_one_ends"]

_WATCH_INTERVAL = 0.25


class ServersError(Exception):
    """A server did not start; the text has its last lines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """Where the servers of a run are."""

    nats_url: str
    """`nats://127.0.0.1:<port>`."""

    redis_url: str
    """`redis://127.0.0.1:<port>`."""

    nats_pid: int
    """The process of NATS."""

    redis_pid: int
    """The process of Redis."""


@contextmanager
def run_servers(
    *, nats_port: int | None, redis_port: int | None, monitor_port: int | None
) -> Iterator[Servers]:
    """Starts both, and stops them at the end: Redis first, then NATS.

    Args:
        nats_port: The port of NATS; None is a free one.
        redis_port: The port of Redis; None is a free one.
        monitor_port: The port of the monitoring pages of NATS; None is none.

    Raises:
        ServersError: One of them did not start.
    """
    config = f'http: "127.0.0.1:{monitor_port}"\n' if monitor_port else None
    with ExitStack() as stack:
        try:
            nats = EmbeddedNats(jetstream=True, config=config, port=nats_port)
            stack.enter_context(nats)
            redis = stack.enter_context(EmbeddedRedis(port=redis_port))
        except RuntimeError as error:
            raise ServersError(str(error)) from None
        yield Servers(
            nats_url=nats.url, redis_url=redis.url, nats_pid=nats.pid, redis_pid=redis.pid
        )


async def until_one_ends(servers: Servers) -> str:
    """Waits until a server ends by itself; says which one and how, `NATS ended with 1`."""
    while True:
        for name, pid in (("NATS", servers.nats_pid), ("Redis", servers.redis_pid)):
            if (code := _exit_code(pid)) is not None:
                return f"{name} {how_it_ended(code)}"
        await asyncio.sleep(_WATCH_INTERVAL)


def _exit_code(pid: int) -> int | None:
    """The exit code of a child; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


async def connect(servers: Servers, plan: Mapping[str, Any]) -> protonats.Connection:
    """Creates what the plan names, each with one copy, as there is one server.

    Returns:
        The connection, to make calls with.

    Raises:
        ConfigurationError: The server refuses an entry of the plan.
        StatusError: UNAVAILABLE, NATS does not answer.
    """
    settings = ConnectionSettings(servers=(servers.nats_url,), name="local", startup_timeout=10.0)
    connection = await protonats.connect(settings)
    try:
        await provision.apply(connection.jetstream, plan, replicas=1)
    except BaseException:
        await connection.close()
        raise
    return connection
