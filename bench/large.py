"""Large messages, long streams and many calls: throughput, and the memory that they take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from bench.lab import Contender, Lab
from bench.measure import RATIO, Figure, Part, Result
from bench.processes import Worker, peak_bytes, resident_bytes
from bench.rounds import OURS, Comparison, Ratio

__all__ = ["PARTS"]

_MEBIBYTE: Final = 1024 * 1024
_MESSAGE: Final = 16 * _MEBIBYTE
_GRPC: Final = Contender(peer="grpc.aio")

_CHUNK: Final = 64 * 1024
_WARM_UP: Final = 64 * _MEBIBYTE
_STREAM: Final = 1024 * _MEBIBYTE
_SLOWER: Final = 10
_SLOW_SECONDS: Final = 60.0
_SAMPLING: Final = 0.02

_CALLS: Final = 10_000

_THROUGHPUT = Comparison(
    workload="large-message",
    text="a message of 16 MiB there, and one back",
    ratios=(
        Ratio(
            figure=Figure(
                name="large-message",
                text="16 MiB there and 16 MiB back, MB/s of grpc.aio's",
                unit=RATIO,
                target=1.5,
                bound="at least",
            ),
            against=_GRPC,
        ),
    ),
    unit="MB/s",
    seconds=0.5,
)

_PAGES_KEPT = replace(
    _THROUGHPUT,
    prefix="kept-",
    subject=replace(OURS, keeps_pages=True),
    ratios=(
        Ratio(
            figure=Figure(
                name="kept-large-message",
                text="the same where both keep freed memory (MALLOC_TRIM_THRESHOLD_)",
                unit=RATIO,
            ),
            against=replace(_GRPC, keeps_pages=True),
        ),
    ),
)

_MESSAGE_MEMORY = Figure(
    name="large-message-memory",
    text="growth of the peak memory by one of 16 MiB, client or server, of the message",
    unit=RATIO,
    target=4.0,
)

_SLOW_READER = Figure(
    name="slow-reader",
    text="growth of the memory of writer or reader, 1 GiB to a reader 10 times too slow",
    unit="MiB",
    target=32.0,
)

_IN_FLIGHT = Figure(
    name="in-flight",
    text="peak memory of a client with 10,000 calls in flight on one connection, all answered",
    unit="MiB",
    target=200.0,
)


def _message_memory(lab: Lab) -> Iterator[Result]:
    runs = 5
    for contender in (OURS, _GRPC):
        growths = []
        for number in range(runs):
            lab.progress(f"large-message-memory: {contender.name}, run {number + 1} of {runs}")
            with lab.new_pair(contender) as pair:
                processes = (pair.client, pair.server)
                pair.client.run("large-once", 1024)
                before = [resident_bytes(process.pid) for process in processes]
                pair.client.run("large-once", _MESSAGE)
                after = [peak_bytes(process.pid) for process in processes]
            grown = (end - begin for begin, end in zip(before, after, strict=True))
            growths.append(max(grown) / _MESSAGE)
        if contender == OURS:
            yield _MESSAGE_MEMORY.result(growths)
        else:
            name = f"{_MESSAGE_MEMORY.name}:{contender.name}"
            yield Figure(name=name, text=_MESSAGE_MEMORY.text, unit=RATIO).result(growths)


def _slow_reader(lab: Lab) -> Iterator[Result]:
    with lab.new_pair(OURS) as pair:
        lab.progress(f"{_SLOW_READER.name}: a reader that is quick")
        quick = pair.client.run("download", _WARM_UP // _CHUNK, _CHUNK, 0)
        speed = _WARM_UP / quick["seconds"]
        pace = max(speed / _SLOWER, _STREAM / _SLOW_SECONDS)
        lab.progress(f"{_SLOW_READER.name}: {pace / 1e6:.0f} of {speed / 1e6:.0f} MB/s")
        before = [resident_bytes(process.pid) for process in (pair.client, pair.server)]
        with _greatest(pair.client, pair.server) as peaks:
            pair.client.run("download", _STREAM // _CHUNK, _CHUNK, pace)
    grown = [(peak - begin) / _MEBIBYTE for peak, begin in zip(peaks, before, strict=True)]
    yield _SLOW_READER.result([max(grown)])
    for side, growth in zip(("reader", "writer"), grown, strict=True):
        figure = Figure(name=f"{_SLOW_READER.name}:{side}", text=_SLOW_READER.text, unit="MiB")
        yield figure.result([growth])


def _in_flight(lab: Lab) -> Iterator[Result]:
    runs = 3
    peaks = []
    for number in range(runs):
        lab.progress(f"{_IN_FLIGHT.name}: run {number + 1} of {runs}")
        with lab.new_pair(OURS) as pair:
            pair.client.run("in-flight", _CALLS)
            peaks.append(peak_bytes(pair.client.pid) / _MEBIBYTE)
    yield _IN_FLIGHT.result(peaks)


@contextmanager
def _greatest(*processes: Worker) -> Iterator[list[int]]:
    """The greatest resident memory of each process while the context lasts."""
    greatest = [0] * len(processes)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLING):
            for index, process in enumerate(processes):
                greatest[index] = max(greatest[index], resident_bytes(process.pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield greatest
    finally:
        over.set()
        thread.join()


PARTS: tuple[Part, ...] = (
    _THROUGHPUT.part("large"),
    _PAGES_KEPT.part("large"),
    Part(group="large", figures=(_MESSAGE_MEMORY,), measure=_message_memory),
    Part(group="large", figures=(_SLOW_READER,), measure=_slow_reader),
    Part(group="large", figures=(_IN_FLIGHT,), measure=_in_flight),
)
"""Every part of this group."""
