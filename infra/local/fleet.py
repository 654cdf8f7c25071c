"""The processes of all services, kept running as an orchestrator keeps containers running."""

from __future__ import annotations

import asyncio
import enum
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import health
from catalogue import Service
from process import ServiceProcess, StartError, how_it_ended

__all__ = ["Fleet", "FleetError", "Member", "MemberState"]

_START_TIMEOUT = 30.0
_GRACE = 10.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_STABLE_AFTER = 30.0
_PROBE_INTERVAL = 1.0
_PROBES_THAT_MAY_FAIL = 3


class FleetError(Exception):
    """A service could not be started at all; the text names it and has its last lines."""


class MemberState(enum.Enum):
    """What a service's process does."""

    STARTING = "starting"
    """It was started for the first time and does not serve yet."""

    SERVING = "serving"
    """It answers calls."""

    RESTARTING = "restarting"
    """It ended by itself and is started again."""


@dataclass(kw_only=True, slots=True)
class Member:
    """One service of the fleet, and what became of its processes."""

    service: Service
    """Which service it is."""

    state: MemberState = MemberState.STARTING
    """What its process does now."""

    restarts: int = 0
    """How often a process ended that should have gone on."""

    process: ServiceProcess | None = None
    """Its process, if one is running."""

    served: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it serves for the first time."""


class Fleet:
    """Starts every service once, and again whenever its process ends or hangs.

    Attributes:
        members: The services, in the order in which they were given.
    """

    def __init__(
        self,
        services: Sequence[Service],
        environment: Mapping[str, str],
        report: Callable[[Member, str], None],
    ) -> None:
        """
        Args:
            services: What to start.
            environment: The environment variables of every process.
            report: Called with a sentence whenever something happens to a member.
        """
        self.members = tuple(Member(service=service) for service in services)
        self._environment = environment
        self._report = report
        self._keepers: list[asyncio.Task[None]] = []
        # A start is all computation: more at once than there are cores only delays the first.
        self._starting = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def start(self) -> None:
        """Starts all services; returns when each of them serves.

        Raises:
            FleetError: One ended before it ever served.
        """
        self._keepers = [asyncio.create_task(self._keep(member)) for member in self.members]
        everybody = asyncio.create_task(self._all_serve())
        try:
            await asyncio.wait((everybody, *self._keepers), return_when="FIRST_COMPLETED")
        finally:
            everybody.cancel()
        for keeper in self._keepers:
            if keeper.done():
                await keeper

    async def watch(self) -> None:
        """Goes on for as long as the fleet is kept; raises what went wrong with the keeping."""
        await asyncio.gather(*self._keepers)

    async def stop(self) -> None:
        """Lets all processes drain at the same time; returns when none is left."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        running = [member.process for member in self.members if member.process is not None]
        await asyncio.gather(*(process.stop(_GRACE) for process in running))

    async def _all_serve(self) -> None:
        for member in self.members:
            await member.served.wait()

    async def _keep(self, member: Member) -> None:
        pause = _FIRST_PAUSE
        while True:
            clock = asyncio.get_running_loop().time
            started = clock()
            try:
                ended = await self._run(member)
            except StartError as error:
                if not member.served.is_set():
                    raise FleetError(f"{member.service.name} {error}") from None
                ended = str(error)
            if clock() - started > _STABLE_AFTER:
                pause = _FIRST_PAUSE
            member.state = MemberState.RESTARTING
            member.restarts += 1
            self._report(member, f"{ended}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run(self, member: Member) -> str:
        """Runs one process until it ends; says how it did."""
        async with self._starting:
            process = await ServiceProcess.start(member.service.target, self._environment)
            member.process = process
            try:
                await process.serving(_START_TIMEOUT)
            except StartError:
                await process.kill()
                member.process = None
                raise
        member.state = MemberState.SERVING
        member.served.set()
        self._report(member, f"serving as process {process.pid}")
        prober = asyncio.create_task(_kill_if_it_hangs(process))
        try:
            code = await process.wait()
        finally:
            prober.cancel()
        member.process = None
        return f"process {process.pid} {how_it_ended(code)}"


async def _kill_if_it_hangs(process: ServiceProcess) -> None:
    failed = 0
    while failed < _PROBES_THAT_MAY_FAIL:
        await asyncio.sleep(_PROBE_INTERVAL)
        alive = process.health is None or await health.answers(process.health, "/livez")
        failed = 0 if alive else failed + 1
    await process.kill()
