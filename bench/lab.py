"""What measurements share: servers, the peers' processes, and whom to tell how far they are."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import nats
import uvloop

from bench import certificates
from bench.peer import Place
from bench.processes import Worker
from bench.schema import Schema, generate
from bench.workspace import source_roots
from protonats import provision
from protonats.testing import EmbeddedNats, EmbeddedRedis

__all__ = ["Contender", "Lab", "Pair"]

_BROKERLESS = frozenset({"grpc.aio", "FastAPI"})
_KEEP_PAGES = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""What the C library of Linux is told by (`man mallopt`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One who is measured."""

    peer: str
    """A name of `bench.peer.PEERS`."""

    tls: bool = False
    """Whether its connections are encrypted."""

    traced: bool = False
    """Whether its calls are traced."""

    keeps_pages: bool = False
    """Whether its processes keep memory that they free, in place of giving it back to the kernel,
    which clears every page that it hands out again."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.peer} traced" if self.traced else self.peer


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The processes of a contender, which live as long as rounds are run."""

    client: Worker
    """The process that makes calls."""

    server: Worker
    """The process that answers them."""

    broker: int | None
    """The process id of the broker between them."""


class Lab:
    """Starts what measurements need when they first need it; leaving it ends everything."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        """
        Args:
            progress: Told what is being measured.
        """
        self.progress = progress
        self._servers = ExitStack()
        self._processes = ExitStack()
        self._pairs: dict[Contender, Pair] = {}

    @cached_property
    def folder(self) -> Path:
        """A folder that is removed in the end."""
        name = tempfile.TemporaryDirectory(prefix="protonats-bench-")
        return Path(self._servers.enter_context(name))

    @cached_property
    def schema(self) -> Schema:
        """The schema that all peers serve."""
        return generate(self.folder / "schema")

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables with which the peers' processes find the code of the schema."""
        variables = source_roots()
        roots = (str(self.schema.python), variables["PYTHONPATH"])
        return variables | {"PYTHONPATH": os.pathsep.join(roots)}

    @cached_property
    def certificates(self) -> Path:
        """The folder of certificates."""
        folder = self.folder / "certificates"
        folder.mkdir()
        certificates.make(folder)
        return folder

    def pair(self, contender: Contender) -> Pair:
        """The processes of a contender, the same ones until `end_pairs`.

        Raises:
            WorkerError: One of them did not start.
        """
        if contender not in self._pairs:
            self._pairs[contender] = self._processes.enter_context(self.new_pair(contender))
        return self._pairs[contender]

    @contextmanager
    def new_pair(self, contender: Contender, *, redis: bool = False) -> Iterator[Pair]:
        """New processes of a contender, which end with the context.

        Raises:
            WorkerError: One of them did not start.
        """
        peer, pid = contender.peer, None
        tls = str(self.certificates) if contender.tls else None
        place = Place(tls=tls, traced=contender.traced)
        variables = self.environment | (_KEEP_PAGES if contender.keeps_pages else {})
        with ExitStack() as running:
            # A broker of its own: those who serve the same subject would share the calls.
            if peer not in _BROKERLESS:
                broker = running.enter_context(self._broker(tls=contender.tls))
                place, pid = replace(place, url=broker.url), broker.pid
            if redis:
                place = replace(place, redis_url=running.enter_context(EmbeddedRedis()).url)
            server = running.enter_context(Worker(peer, "serve", place, variables))
            place = replace(place, address=server.ready["address"])
            client = running.enter_context(Worker(peer, "client", place, variables))
            yield Pair(client=client, server=server, broker=pid)

    def end_pairs(self) -> None:
        """Ends the processes of all contenders."""
        self._pairs.clear()
        self._processes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end_pairs()
        self._servers.close()

    @contextmanager
    def _broker(self, *, tls: bool) -> Iterator[EmbeddedNats]:
        """A NATS server with the streams and consumers of the schema, which may encrypt."""
        config = None
        if tls:
            files = (
                f'cert_file: "{self.certificates / certificates.CERTIFICATE}"',
                f'key_file: "{self.certificates / certificates.KEY}"',
            )
            config = f"tls {{ {', '.join(files)} }}\n"
        with EmbeddedNats(jetstream=True, config=config) as server:
            uvloop.run(self._provision(server.url, tls=tls))
            yield server

    async def _provision(self, url: str, *, tls: bool) -> None:
        connection = await nats.connect(
            url, tls=certificates.context(str(self.certificates)) if tls else None
        )
        await provision.apply(connection.jetstream(), self.schema.jetstream, replicas=1)
        await connection.close()
