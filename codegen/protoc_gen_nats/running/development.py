"""NATS and the services of a project, started again as its files change."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from protoc_gen_nats.errors import UserError, did_you_mean
from protoc_gen_nats.project.project import Project
from protoc_gen_nats.running.process import ServiceProcess
from protoc_gen_nats.running.watching import Changes, Files
from protonats import provision
from protonats.connection import Connection, connect
from protonats.errors import ProtonatsError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats, EmbeddedRedis

__all__ = ["Say", "develop"]

Say = Callable[[str, str, bool], None]
"""Who says something, what, and whether it is a problem."""

_LOOK_EVERY: Final = 0.3
_SERVICES: Final = "generated/deploy/services.json"
_PLAN: Final = "generated/deploy/nats/jetstream.json"
_SETTINGS: Final = ("NATS_", "PROTONATS_", "REDIS_")


@dataclass(frozen=True, slots=True)
class _Generated:
    """What a generation says about running."""

    targets: Mapping[str, str]
    """What to serve, by the folder of its implementation."""

    plan: Mapping[str, Any]
    """Streams, consumers and buckets."""


async def develop(
    project: Project, services: Sequence[str], *, port: int, redis: bool, say: Say
) -> None:
    """Generates, starts NATS with the streams of the project, and runs its services until SIGINT or
    SIGTERM. A change of a schema generates again; that or a change of code starts the services
    again.

    Args:
        project: What to run.
        services: The names of those to run; none: all.
        port: Where NATS listens; 0 is a free port.
        redis: Whether to run a Redis as well.
        say: Called whenever there is something to say.

    Raises:
        UserError: A schema is wrong, a service has another name, or a server does not start.
    """
    files = Files(project.root)
    generated = _generate(project, services, say)
    async with AsyncExitStack() as stack:
        with _as_user_errors():
            nats = stack.enter_context(EmbeddedNats(jetstream=True, port=_free(port) or None))
            urls = {"NATS_URL": nats.url}
            say("NATS", f"listens at {nats.url}, and stores nothing beyond its end", False)
            if redis:
                urls["REDIS_URL"] = stack.enter_context(EmbeddedRedis()).url
                say("Redis", f"listens at {urls['REDIS_URL']}", False)
            connection = await connect(ConnectionSettings(servers=(nats.url,), name="dev"))
        stack.push_async_callback(connection.close)
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        fleet = _Fleet(project.root, _environment(project.root, urls), say)
        stack.push_async_callback(fleet.stop)
        await _provide(connection, generated, say)
        await fleet.start(generated.targets)
        while not await _is_set(stopped, _LOOK_EVERY):
            if not (changes := files.changes()):
                continue
            say("protonats", f"{_named(changes)} changed", False)
            if changes.schemas:
                try:
                    generated = _generate(project, services, say)
                except UserError as error:
                    for problem in error.problems:
                        say("protonats", f"{problem}", True)
                    continue
                await _provide(connection, generated, say)
            await fleet.stop()
            await fleet.start(generated.targets)
        say("protonats", "stopping", False)


class _Fleet:
    """The processes of the services."""

    def __init__(self, root: Path, environment: Mapping[str, str], say: Say) -> None:
        self._root = root
        self._environment = environment
        self._say = say
        self._processes: list[ServiceProcess] = []

    async def start(self, targets: Mapping[str, str]) -> None:
        """Starts all services."""
        for name, target in targets.items():
            self._processes.append(
                await ServiceProcess.start(
                    target,
                    self._root,
                    self._environment,
                    partial(self._say, name),
                )
            )

    async def stop(self) -> None:
        """Stops all services; returns when none is left."""
        processes, self._processes = self._processes, []
        await asyncio.gather(*(process.stop() for process in processes))


def _generate(project: Project, services: Sequence[str], say: Say) -> _Generated:
    rendered = project.render()
    outcome = project.write(rendered)
    if changed := len(outcome.written) + len(outcome.removed):
        say("protonats", f"{changed} generated files changed", False)
    entries = json.loads(rendered.owned[_SERVICES])["services"]
    # By the folders of their implementations: two versions of a service have one name.
    targets = {entry["target"].split(".")[1]: entry["target"] for entry in entries}
    for name in services:
        if name not in targets:
            raise UserError.of(f"no service is called {name!r}: {did_you_mean(name, targets)}")
    chosen = {name: target for name, target in targets.items() if name in services or not services}
    return _Generated(targets=chosen, plan=json.loads(rendered.owned[_PLAN]))


async def _provide(connection: Connection, generated: _Generated, say: Say) -> None:
    """Creates what the plan names, each with one copy, as there is one server."""
    try:
        changes = await provision.apply(connection.jetstream, generated.plan, replicas=1)
    except ProtonatsError as error:
        say("NATS", str(error), True)
        return
    for change in changes:
        if change.action != "unchanged":
            say("NATS", f"{change.action} {change.kind} {change.name}", False)


@contextmanager
def _as_user_errors() -> Iterator[None]:
    try:
        yield
    except (ProtonatsError, RuntimeError) as error:
        raise UserError.of(str(error)) from None


def _free(port: int) -> int:
    """Checks that nobody listens at a port.

    Raises:
        UserError: Somebody does.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            raise UserError.of(
                f"port {port} is in use: stop what listens there, or choose another with --port"
            ) from None
    return port


def _environment(root: Path, urls: Mapping[str, str]) -> dict[str, str]:
    """The variables of a service's process; none that the caller has set for other servers."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)
    }
    paths = [str(root), str(root / "generated" / "python")]
    if before := os.environ.get("PYTHONPATH"):
        paths.append(before)
    return inherited | {
        **urls,
        "PROTONATS_HEALTH_ADDRESS": "127.0.0.1:0",
        "PROTONATS_GRACE_PERIOD": "2",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
    }


async def _is_set(event: asyncio.Event, timeout: float) -> bool:
    """Whether an event is set within some seconds."""
    waiting = asyncio.create_task(event.wait())
    done, _ = await asyncio.wait((waiting,), timeout=timeout)
    waiting.cancel()
    return bool(done)


def _named(changes: Changes) -> str:
    paths = (*changes.schemas, *changes.code)
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
