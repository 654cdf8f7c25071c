"""Contenders side by side: rounds in alternating order, and the ratios of each round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bench.lab import Contender, Lab, Pair
from bench.measure import Figure, Load, Part, Result
from bench.processes import WorkerError, cpu_seconds

__all__ = ["OURS", "Comparison", "Ratio", "Sample"]

ROUNDS: Final = 15
_PROFILED_SECONDS: Final = 5.0
OURS: Final = Contender(peer="protonats")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One round of one contender."""

    rate: float
    """What it did in a second."""

    p50: float
    """The median time of a call in seconds; 0 where many run at once."""

    client: float
    """Processor time of the client for each, in microseconds."""

    server: float
    """Processor time of the server for each, in microseconds."""

    broker: float | None
    """Processor time of the broker for each, in microseconds; None without one."""

    @property
    def cpu(self) -> float:
        """Processor time of client and server for each, in microseconds."""
        return self.client + self.server


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A figure that compares two contenders, round by round."""

    figure: Figure
    """The figure."""

    against: Contender
    """The other one, who is 1."""

    of: Literal["rate", "p50", "cpu"] = "rate"
    """What of a sample is compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One workload, put on several contenders."""

    workload: str
    """Its name in the peers."""

    text: str
    """What it does, for the table."""

    subject: Contender = OURS
    """The one who is compared with the others."""

    ratios: tuple[Ratio, ...]
    """What is compared."""

    spectators: tuple[Contender, ...] = ()
    """Those who are measured and not compared."""

    unit: str = "calls/s"
    """The unit of the rate."""

    prefix: str = ""
    """What the names of the contenders' rows begin with."""

    before: str | None = None
    """The workload that prepares each round, outside of what is measured."""

    profiled: int | None = None
    """How many it carries under a profiler, where the time does not say it."""

    seconds: float = 0.6
    """How long one contender works in one round."""

    def part(self, group: str) -> Part:
        """It, as a part of this group."""
        figures = tuple(ratio.figure for ratio in self.ratios)
        return Part(group=group, figures=figures, measure=self._measure, load=self._load())

    def _load(self) -> Load:
        size = () if self.profiled is None else (self.profiled,)
        return Load(
            contender=self.subject,
            workload=self.workload,
            arguments=(_PROFILED_SECONDS, *size),
            before=None if self.before is None else (self.before, *size),
        )

    def _measure(self, lab: Lab) -> Iterator[Result]:
        samples, problems = self._rounds(lab)
        for ratio in self.ratios:
            failed = [c for c in (self.subject, ratio.against) if c in problems]
            if failed:
                yield ratio.figure.failed(problems[failed[0]])
                continue
            pairs = zip(samples[self.subject], samples[ratio.against], strict=True)
            yield ratio.figure.result(
                [getattr(ours, ratio.of) / getattr(other, ratio.of) for ours, other in pairs]
            )
        for contender, theirs in samples.items():
            yield from self._absolute(contender, theirs)
        for contender in self.spectators:
            if contender in problems:
                name = f"{self.prefix}{self.workload}:{contender.name}"
                figure = Figure(name=name, text=self.text, unit=self.unit)
                yield figure.failed(problems[contender])

    def _rounds(
        self, lab: Lab
    ) -> tuple[Mapping[Contender, Sequence[Sample]], Mapping[Contender, str]]:
        # The subject stands in the middle: next to each of the others, in either order.
        others = list(dict.fromkeys(ratio.against for ratio in self.ratios))
        order = [*others[:1], self.subject, *others[1:], *self.spectators]
        problems: dict[Contender, str] = {}
        pairs: dict[Contender, Pair] = {}
        for contender in order:
            lab.progress(f"{self.prefix}{self.workload}: {contender.name} warms up")
            try:
                pairs[contender] = lab.pair(contender)
                for _ in range(2):
                    self._sample(pairs[contender], self.seconds / 2)
            except WorkerError as error:
                problems[contender] = str(error)
        running = [contender for contender in order if contender not in problems]
        samples: dict[Contender, list[Sample]] = {contender: [] for contender in running}
        for number in range(ROUNDS):
            lab.progress(f"{self.prefix}{self.workload}: round {number + 1} of {ROUNDS}")
            for contender in running if number % 2 == 0 else reversed(running):
                if contender in self.spectators and number % 3:
                    continue
                try:
                    samples[contender].append(self._sample(pairs[contender], self.seconds))
                except WorkerError as error:
                    problems[contender] = str(error)
            running = [contender for contender in running if contender not in problems]
        return {c: s for c, s in samples.items() if c not in problems}, problems

    def _sample(self, pair: Pair, seconds: float) -> Sample:
        if self.before is not None:
            pair.client.run(self.before)
        before = _processor_times(pair)
        outcome = pair.client.run(self.workload, seconds)
        after = _processor_times(pair)
        count = outcome["count"]
        client, server, *broker = (
            (end - begin) / count * 1e6 for begin, end in zip(before, after, strict=True)
        )
        return Sample(
            rate=count / outcome["seconds"],
            p50=outcome.get("p50", 0.0),
            client=client,
            server=server,
            broker=broker[0] if broker else None,
        )

    def _absolute(self, contender: Contender, samples: Sequence[Sample]) -> Iterator[Result]:
        name = f"{self.prefix}{self.workload}:{contender.name}"
        if all(sample.p50 for sample in samples):
            figure = Figure(name=name, text=self.text, unit="µs")
            yield figure.result([sample.p50 * 1e6 for sample in samples])
        else:
            figure = Figure(name=name, text=self.text, unit=self.unit)
            yield figure.result([sample.rate for sample in samples])
        for process in ("client", "server", "broker"):
            values = [getattr(sample, process) for sample in samples]
            if None not in values:
                text = f"{self.text}: processor time of the {process}"
                figure = Figure(name=f"{name}:{process}", text=text, unit="µs")
                yield figure.result(values)


def _processor_times(pair: Pair) -> list[float]:
    pids = [pair.client.pid, pair.server.pid]
    if pair.broker is not None:
        pids.append(pair.broker)
    return [cpu_seconds(pid) for pid in pids]
