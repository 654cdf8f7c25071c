"""A tour of real calls: every service, what they do together, and how fast they answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass

import health
import protonats
from calls import Endpoint
from fleet import Member
from flows import FLOWS, FlowError
from samples import Samples, prepare_samples, sample

__all__ = ["Step", "Tour"]

_LOAD_CALLS = 300
_UNIMPLEMENTED_CALLS = 20
_CONCURRENCY = 4
_BACKGROUND_PAUSE = 0.1
_BACKGROUND_TIMEOUT = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of the tour, and how it went."""

    name: str
    """What should happen."""

    passed: bool
    """Whether it did."""

    text: str
    """What happened."""

    seconds: float
    """How long it took."""


class Tour:
    """The calls that `make up` makes."""

    def __init__(
        self,
        connection: protonats.Connection,
        members: Sequence[Member],
        endpoints: Sequence[Endpoint],
    ) -> None:
        """
        Args:
            connection: What the flows are tried over.
            members: The fleet, for its health endpoints.
            endpoints: Every unary method of every service.
        """
        self._connection = connection
        self._members = members
        self._endpoints = endpoints
        self._samples: Samples = {}

    async def steps(self) -> AsyncIterator[Step]:
        """Takes the tour; a step that fails does not keep the others from being taken."""
        yield await _step("every process is ready", self._readiness())
        for flow in FLOWS:
            yield await _step(flow.name, flow.run(self._connection))
        yield await _step("every unary method answers", self._survey())
        yield await _step(self._load_name(), self._load())

    async def keep_calling(self) -> None:
        """Calls one method after the other, lightly, until it is cancelled."""
        for number, endpoint in zip(itertools.count(), itertools.cycle(self._endpoints)):
            with suppress(protonats.StatusError):
                request = sample(self._samples, endpoint, number)
                await endpoint(request, timeout=_BACKGROUND_TIMEOUT)
            await asyncio.sleep(_BACKGROUND_PAUSE)

    async def _readiness(self) -> str:
        addresses = {
            member.service.name: member.process.health
            for member in self._members
            if member.process is not None and member.process.health is not None
        }
        ready = await asyncio.gather(*(health.answers(a, "/readyz") for a in addresses.values()))
        names = [name for name, answer in zip(addresses, ready, strict=True) if answer]
        if missing := sorted({member.service.name for member in self._members} - set(names)):
            raise FlowError(f"not ready: {', '.join(missing)}")
        return f"{len(names)} of {len(self._members)} answer 200 at /readyz"

    async def _survey(self) -> str:
        self._samples = await prepare_samples(self._connection)
        answers = [await self._survey_one(endpoint) for endpoint in self._endpoints]
        if wrong := [answer for answer in answers if answer]:
            raise FlowError("; ".join(wrong))
        served = sum(not endpoint.unimplemented for endpoint in self._endpoints)
        return f"{served} of {len(answers)} are implemented, the others say UNIMPLEMENTED"

    async def _survey_one(self, endpoint: Endpoint) -> str | None:
        """Calls a method once; says what was wrong with the answer."""
        try:
            await endpoint(sample(self._samples, endpoint, 0))
        except protonats.StatusError as error:
            if error.code is not protonats.Code.UNIMPLEMENTED:
                return f"{endpoint.name}: {error}"
        return None

    def _load_plan(self) -> list[tuple[Endpoint, int]]:
        """How many calls of each method, by what the survey has found."""
        return [
            (endpoint, _UNIMPLEMENTED_CALLS if endpoint.unimplemented else _LOAD_CALLS)
            for endpoint in self._endpoints
        ]

    def _load_name(self) -> str:
        plan = self._load_plan()
        served = sum(not endpoint.unimplemented for endpoint, _ in plan)
        parts = [f"{_LOAD_CALLS} of each of {served} methods"] if served else []
        if served < len(plan):
            parts.append(f"{_UNIMPLEMENTED_CALLS} of each that is unimplemented")
        return f"{sum(calls for _, calls in plan)} calls: {', '.join(parts)}"

    async def _load(self) -> str:
        started = time.perf_counter()
        made = failed = 0
        for endpoint, calls in self._load_plan():
            failed += await self._load_one(endpoint, calls)
            made += calls
        if failed:
            raise FlowError(f"{failed} of {made} calls failed")
        return f"{made / (time.perf_counter() - started):,.0f} a second"

    async def _load_one(self, endpoint: Endpoint, calls: int) -> int:
        """Makes many calls of one method, some at a time; counts those that failed."""
        numbers = iter(range(calls))
        failed = 0

        async def worker() -> None:
            nonlocal failed
            for number in numbers:
                try:
                    await endpoint(sample(self._samples, endpoint, number))
                except protonats.StatusError as error:
                    failed += error.code is not protonats.Code.UNIMPLEMENTED

        await asyncio.gather(*(worker() for _ in range(_CONCURRENCY)))
        return failed


async def _step(name: str, run: Coroutine[object, object, str]) -> Step:
    started = time.perf_counter()
    try:
        text, passed = await run, True
    except (FlowError, protonats.ProtonatsError) as error:
        text, passed = str(error), False
    return Step(name=name, passed=passed, text=text, seconds=time.perf_counter() - started)
