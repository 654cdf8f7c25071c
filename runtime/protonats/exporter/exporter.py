"""Rounds of questions to all sources, and what they come to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from protonats._asking import Answered, ask
from protonats._plan import load_plan
from protonats.errors import ConfigurationError
from protonats.exporter.cloudwatch import CloudWatch
from protonats.exporter.drift import drift
from protonats.exporter.http import Address
from protonats.exporter.instances import Known, instance_figures, planned_services, services_of
from protonats.exporter.jetstream_figures import jetstream_figures
from protonats.exporter.letters import count_letters, letter_figures
from protonats.exporter.link import Link
from protonats.exporter.nodes import NodeAnswers, addresses_of, ask_node
from protonats.exporter.redis_source import RedisSource
from protonats.exporter.samples import Sample, render
from protonats.exporter.scaling import CallRates, Load, load_figures, loads, waiting_events
from protonats.exporter.server_figures import server_figures
from protonats.exporter.settings import ExporterSettings
from protonats.exporter.sources import Answer, Source
from protonats.exporter.streams import (
    FoundStream,
    dead_letter_streams,
    found_streams,
    leaderless,
)

__all__ = ["Exporter"]

_LONGEST: Final = 5.0
"""Seconds for an answer, at most."""

_STUCK: Final = 10
"""Rounds that may be missed until the process counts as stuck."""


class Exporter:
    """Asks everybody each `interval`, and keeps what they say until it is scraped."""

    def __init__(self, settings: ExporterSettings, *, cloudwatch: CloudWatch | None = None) -> None:
        """
        Raises:
            ConfigurationError: The plan or the list of services cannot be read.
        """
        self._settings = settings
        self._timeout = min(_LONGEST, settings.interval)
        self._plan = _plan(settings)
        self._services = planned_services(settings.services) if settings.services else []
        self._link = Link(settings.process.connection, timeout=self._timeout)
        self._redis = _redis(settings, self._timeout)
        self._cloudwatch = cloudwatch
        names = ["nodes", "services", "dead_letters"]
        names += ["redis"] if self._redis else []
        names += ["cloudwatch"] if cloudwatch else []
        self._sources = {name: Source(name) for name in names}
        self._addresses: Sequence[Address] = ()
        self._streams: Sequence[FoundStream] = ()
        self._seen: set[Known] = set(self._services)
        self._rates = CallRates()
        self._work: Sequence[Load] = ()
        """What services have to do; nothing, where nobody knows."""

        self._asked_at: float | None = None
        """When the last round ended, in Unix time."""

        self._ended = time.monotonic()

    async def run(self) -> None:
        """Asks until it is cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                next_round = loop.time() + self._settings.interval
                await self._round()
                await asyncio.sleep(max(0.0, next_round - loop.time()))
        finally:
            await self._link.close()
            if self._redis is not None:
                await self._redis.close()

    def render(self) -> bytes:
        """What Prometheus scrapes."""
        return render(self._figures())

    def why_not_ready(self) -> str | None:
        """Why there are no figures yet."""
        return "nobody has been asked yet" if self._asked_at is None else None

    def why_not_live(self) -> str | None:
        """Why this process has to be replaced; that others do not answer is no reason."""
        silence = time.monotonic() - self._ended
        if silence > _STUCK * self._settings.interval + 10 * _LONGEST:
            return f"the last round of questions ended {silence:.0f} s ago"
        return None

    def _figures(self) -> Iterator[Sample]:
        for source in self._sources.values():
            yield from source.figures()
        yield from self._link.advisories.figures()
        yield Sample("protonats_exporter_connected", float(self._link.connected))
        if self._asked_at is not None:
            yield Sample("protonats_exporter_last_poll_timestamp_seconds", self._asked_at)

    async def _round(self) -> None:
        polls = [self._poll_cluster()]
        if self._redis is not None:
            polls.append(self._sources["redis"].poll(self._redis.ask, 2 * self._timeout))
        await asyncio.gather(*polls)
        self._asked_at, self._ended = time.time(), time.monotonic()

    async def _poll_cluster(self) -> None:
        """The streams say what to ask for dead letters, and what waits for services."""
        await self._sources["nodes"].poll(self._ask_nodes, 2 * self._timeout)
        await self._sources["services"].poll(self._ask_services, 2 * self._timeout)
        polls = [self._sources["dead_letters"].poll(self._ask_letters, 2 * self._timeout)]
        if self._cloudwatch is not None:
            polls.append(self._sources["cloudwatch"].poll(self._publish, 2 * _LONGEST))
        await asyncio.gather(*polls)

    async def _ask_nodes(self) -> Answer:
        self._streams = ()
        problems: list[str] = []
        try:
            self._addresses = await addresses_of(self._settings.monitors)
        except OSError as error:
            # Those who were there before are asked: they may well be there still.
            problems.append(f"EXPORTER_NATS_MONITORS: {error}")
        nodes = await asyncio.gather(*(ask_node(one, self._timeout) for one in self._addresses))
        problems += (problem for node in nodes for problem in node.problems)
        self._streams = found_streams(nodes)
        return list(self._node_figures(nodes)), problems

    def _node_figures(self, nodes: Sequence[NodeAnswers]) -> Iterator[Sample]:
        for node in nodes:
            yield from server_figures(node)
            yield from jetstream_figures(node)
        yield from leaderless(self._streams)
        silent = sum(not node.jsz for node in nodes)
        if self._plan and silent < len(nodes):
            yield from drift(self._plan, self._streams, silent=silent)

    async def _ask_services(self) -> Answer:
        self._work = ()
        connection = await self._link.open()
        answers = await ask(connection, "STATS", timeout=self._timeout)
        found: dict[Known, list[Answered]] = services_of(answers)
        # Those who were there once are missed when they are gone.
        self._seen |= found.keys()
        services = {service: found.get(service, []) for service in self._seen}
        counts = {service: len(instances) for service, instances in services.items()}
        waiting = waiting_events(self._plan, self._streams)
        work = loads(services, self._rates, waiting, time.monotonic())
        self._work = work
        return [*instance_figures(counts), *load_figures(work)], ()

    async def _publish(self) -> Answer:
        if self._cloudwatch is not None and self._work:
            await self._cloudwatch.publish(self._work)
        return (), ()

    async def _ask_letters(self) -> Answer:
        connection = await self._link.open()
        counts = await count_letters(connection, dead_letter_streams(self._streams), self._timeout)
        return letter_figures(counts, self._plan), ()


def _plan(settings: ExporterSettings) -> Mapping[str, Any]:
    if settings.plan is None:
        return {}
    try:
        return load_plan(settings.plan)
    except OSError as error:
        raise ConfigurationError(
            f"EXPORTER_PLAN names {settings.plan}, which cannot be read: {error.strerror}"
        ) from None


def _redis(settings: ExporterSettings, timeout: float) -> RedisSource | None:
    process = settings.process
    if process.redis_url is None:
        return None
    ca = process.redis_ca_pem or process.redis_ca
    return RedisSource(process.redis_url, ca, timeout=timeout)
