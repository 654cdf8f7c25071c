"""Rounds of `make bench`: who works after whom, and what is compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bench import rounds
from bench.lab import Contender, Lab, Pair
from bench.measure import RATIO, Figure, Result
from bench.processes import WorkerError
from bench.rounds import OURS, Comparison, Ratio

NATS = Contender(peer="nats-py")
FASTAPI = Contender(peer="FastAPI")
RATES = {OURS: 300.0, NATS: 100.0, FASTAPI: 10.0}


@dataclass
class FakeLab:
    """Contenders whose rates are known; `worked` is the order in which they worked."""

    broken: frozenset[Contender] = frozenset()
    worked: list[Contender] = field(default_factory=list)

    def progress(self, text: str) -> None:
        pass

    def pair(self, contender: Contender) -> Any:
        return FakePair(self, contender)


class FakePair:
    """Stands for the processes of a contender, and for each of them."""

    broker: int | None = None
    pid = 1

    def __init__(self, lab: FakeLab, contender: Contender) -> None:
        self._lab = lab
        self._contender = contender
        self.client = self.server = self

    def run(self, workload: str, *arguments: float) -> dict[str, float]:
        if self._contender in self._lab.broken:
            raise WorkerError(f"{self._contender.name} is broken")
        self._lab.worked.append(self._contender)
        return {"count": RATES[self._contender], "seconds": 1.0}


@pytest.fixture(autouse=True)
def processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process takes 0.25 s from each reading to the next."""
    clock = iter(range(1_000_000))

    def read(pair: Pair) -> list[float]:
        reading = next(clock) * 0.25
        return [reading, reading]

    monkeypatch.setattr(rounds, "_processor_times", read)


def measured(lab: FakeLab) -> dict[str, Result]:
    """The results of a comparison with nats-py, which FastAPI watches."""
    faster = Figure(name="unary", text="", unit=RATIO, target=2.0, bound="at least")
    cpu = Figure(name="unary-cpu", text="", unit=RATIO, target=2.0)
    comparison = Comparison(
        workload="unary",
        text="calls",
        ratios=(Ratio(figure=faster, against=NATS), Ratio(figure=cpu, against=NATS, of="cpu")),
        spectators=(FASTAPI,),
    )
    results: Iterator[Result] = comparison.part("unary").measure(_as_lab(lab))
    return {result.row.name: result for result in results}


def _as_lab(lab: Any) -> Lab:
    made: Lab = lab
    return made


def test_a_ratio_compares_rates_and_processor_time_of_each_call() -> None:
    results = measured(FakeLab())

    assert (results["unary"].row.value, results["unary"].row.met) == (3.0, True)
    assert results["unary-cpu"].row.value == pytest.approx(1 / 3, abs=1e-3)


def test_what_each_came_to_is_told_without_a_target() -> None:
    row = measured(FakeLab())["unary:nats-py"].row

    assert (row.value, row.unit, row.target, row.met) == (100.0, "calls/s", None, None)


def test_processor_time_is_told_of_processes_that_are_there() -> None:
    results = measured(FakeLab())

    assert results["unary:protonats:client"].row.value == pytest.approx(0.25 / 300 * 1e6, rel=1e-3)
    assert "unary:protonats:broker" not in results


def test_rounds_alternate_their_order_and_spectators_are_seldom() -> None:
    lab = FakeLab()

    measured(lab)

    warm_up, *_ = lab.worked[:6], lab.worked[6:]
    assert warm_up == [NATS, NATS, OURS, OURS, FASTAPI, FASTAPI]
    assert lab.worked[6:13] == [NATS, OURS, FASTAPI, OURS, NATS, NATS, OURS]
    assert lab.worked[6:].count(OURS) == 15
    assert lab.worked[6:].count(FASTAPI) == 5


def test_one_who_is_broken_fails_what_is_compared_with_it_alone() -> None:
    results = measured(FakeLab(broken=frozenset({NATS})))

    assert results["unary"].problem == "nats-py is broken"
    assert results["unary"].row.met is False
    assert results["unary:protonats"].row.value == 300.0


def test_a_broken_spectator_has_a_row_that_says_so() -> None:
    results = measured(FakeLab(broken=frozenset({FASTAPI})))

    assert results["unary"].row.met is True
    assert results["unary:FastAPI"].problem == "FastAPI is broken"
