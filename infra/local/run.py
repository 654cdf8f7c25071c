"""The run itself: servers, fleet, tour; and everything stopped in order at its end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import protonats
from calls import Endpoint, endpoints_of
from catalogue import ROOT, CatalogueError, Service, load_jetstream_plan, load_services
from display import Display, View
from fleet import Fleet, FleetError, Member
from servers import Servers, ServersError, connect, run_servers, until_one_ends
from status import rows
from tour import Step, Tour

__all__ = ["Options", "run"]

_REFRESH_INTERVAL = 0.25
_INTERRUPTED = 130
_SETTINGS = ("NATS_", "PROTONATS_", "REDIS_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a caller can choose."""

    exit: bool
    """Whether to end after the tour."""

    nats_port: int | None
    """The port of NATS; None is a free one."""

    redis_port: int | None
    """The port of Redis; None is a free one."""

    monitor_port: int | None
    """The port of the monitoring pages of NATS; None is none."""


async def run(options: Options, display: Display) -> int:
    """Runs the platform until the tour is over, or until SIGINT, SIGTERM or SIGHUP.

    Returns:
        The exit code: 0 if the tour passed; 1 if it did not, if something could not be started,
        or if a server ended by itself; 130 if the run was stopped before the tour was over.
    """
    stopping = False

    def stop(reason: str) -> None:
        # Once: a second reason must not cut short what the first one started.
        nonlocal stopping
        if not stopping:
            stopping = True
            # First, as a terminal that was closed takes no note.
            running.cancel()
            display.note(reason)

    platform = _Platform(options, display, stop)
    running = asyncio.create_task(platform.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Under `nohup`, a run outlives its terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop, "stopping")
    try:
        await running
    except asyncio.CancelledError:
        if platform.lost_server:
            return 1
        if not platform.toured:
            return _INTERRUPTED
    except (CatalogueError, FleetError, ServersError, protonats.ProtonatsError) as error:
        display.note(f"error: {error}")
        return 1
    return 0 if all(step.passed for step in platform.steps) else 1


class _Platform:
    def __init__(self, options: Options, display: Display, stop: Callable[[str], None]) -> None:
        self.toured = False
        self.lost_server = False
        self.steps: list[Step] = []
        self._options = options
        self._display = display
        self._stop = stop
        self._started = time.monotonic()
        self._members: Sequence[Member] = ()
        self._endpoints: Sequence[Endpoint] = ()

    async def run(self) -> None:
        services, plan = load_services(), load_jetstream_plan()
        options = self._options
        async with AsyncExitStack() as stack:
            servers = stack.enter_context(
                run_servers(
                    nats_port=options.nats_port,
                    redis_port=options.redis_port,
                    monitor_port=options.monitor_port,
                )
            )
            self._display.note(f"NATS at {servers.nats_url}, Redis at {servers.redis_url}")
            watching = asyncio.create_task(self._watch(servers))
            stack.callback(watching.cancel)
            connection = await connect(servers, plan)
            stack.push_async_callback(connection.close)
            _end_if_told_to()
            fleet = Fleet(services, _environment(servers), self._report)
            self._members = fleet.members
            stack.push_async_callback(fleet.stop)
            refreshing = asyncio.create_task(self._refresh(servers))
            stack.callback(refreshing.cancel)
            # What ends while everything is stopped is no longer missed.
            stack.callback(watching.cancel)
            # Importing 22 clients takes a while, and processes are started meanwhile.
            importing = asyncio.to_thread(_endpoints, services, connection)
            _, self._endpoints = await asyncio.gather(fleet.start(), importing)
            tour = Tour(connection, fleet.members, self._endpoints)
            async for step in tour.steps():
                self.steps.append(step)
                self._display.step(step)
                _end_if_told_to()
            self.toured = True
            self._display.result(self._view(servers))
            if not options.exit:
                self._display.note("Ctrl-C stops everything")
                await asyncio.gather(tour.keep_calling(), fleet.watch())

    def _view(self, servers: Servers) -> View:
        return View(
            servers=servers,
            rows=rows(self._members, self._endpoints),
            steps=tuple(self.steps),
            seconds=round(time.monotonic() - self._started, 3),
            toured=self.toured,
        )

    async def _refresh(self, servers: Servers) -> None:
        while True:
            self._display.refresh(self._view(servers))
            await asyncio.sleep(_REFRESH_INTERVAL)

    async def _watch(self, servers: Servers) -> None:
        """Ends the run when a server ends: without one, no service can do its work."""
        ended = await until_one_ends(servers)
        self.lost_server = True
        self._stop(f"error: {ended}")

    def _report(self, member: Member, text: str) -> None:
        tell = self._display.note if member.restarts else self._display.detail
        tell(f"{member.service.name}: {text}")


def _end_if_told_to() -> None:
    """Ends the run if it was cancelled and the cancellation was lost on its way.

    `asyncio.wait_for`, which nats-py uses, may lose one (python/cpython#86296, before Python 3.12).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _endpoints(
    services: Sequence[Service], connection: protonats.Connection
) -> tuple[Endpoint, ...]:
    return tuple(endpoint for service in services for endpoint in endpoints_of(service, connection))


def _environment(servers: Servers) -> dict[str, str]:
    """The variables of a service's process; none that the caller has set for other servers."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)
    }
    return inherited | {
        "NATS_URL": servers.nats_url,
        "REDIS_URL": servers.redis_url,
        "NATS_STARTUP_TIMEOUT": "15",
        "PROTONATS_HEALTH_ADDRESS": "127.0.0.1:0",
        "PROTONATS_GRACE_PERIOD": "5",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "generated" / "python")]),
        # The working directory is no source of modules.
        "PYTHONSAFEPATH": "1",
    }
