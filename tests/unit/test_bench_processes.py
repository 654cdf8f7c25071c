"""The processes that `make bench` starts for a peer: bare nats-py, which needs no more than this
environment has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.lab import Contender, Lab, Pair
from bench.processes import WorkerError, cpu_seconds, peak_bytes, resident_bytes

NATS = Contender(peer="nats-py")

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(lambda text: None) as made:
        yield made


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Pair:
    return lab.pair(NATS)


def test_a_client_calls_its_server_for_as_long_as_it_is_told(pair: Pair) -> None:
    outcome = pair.client.run("unary", 0.5)

    assert outcome["count"] > 0
    assert outcome["seconds"] >= 0.5


def test_single_calls_have_a_median_time(pair: Pair) -> None:
    outcome = pair.client.run("unary-p50", 0.5)

    assert 0 < outcome["p50"] < outcome["seconds"]


def test_events_are_written_consumed_and_acknowledged(pair: Pair) -> None:
    filled = pair.client.run("fill")
    consumed = pair.client.run("consume", 0.5)

    assert consumed["count"] >= filled["count"]


def test_a_workload_that_fails_says_why_and_the_client_lives_on(pair: Pair) -> None:
    with pytest.raises(WorkerError, match=r"the client of nats-py: KeyError: 'juggle'"):
        pair.client.run("juggle", 0.5)

    assert pair.client.run("unary", 0.5)["count"] > 0


def test_a_process_that_does_not_answer_is_ended(lab: Lab) -> None:
    late = pytest.raises(WorkerError, match=r"did not answer within 0\.2 s")
    with lab.new_pair(NATS) as pair, late:
        pair.client.run("unary", 30.0, timeout=0.2)


def test_a_process_that_ends_tells_its_last_words(lab: Lab) -> None:
    ended = pytest.raises(WorkerError, match=r"the server of carrier-pigeon ended: KeyError")
    with ended, lab.new_pair(Contender(peer="carrier-pigeon")):
        pass


@needs_proc
def test_processor_time_and_memory_are_those_of_the_process(pair: Pair) -> None:
    before = cpu_seconds(pair.client.pid)
    pair.client.run("unary", 0.2)

    assert before < cpu_seconds(pair.client.pid)
    assert 5_000_000 < resident_bytes(pair.client.pid) <= peak_bytes(pair.client.pid)
    assert pair.broker is not None
    assert cpu_seconds(pair.broker) > 0
