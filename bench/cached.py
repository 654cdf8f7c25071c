"""The time of a value that is cached, in the process or in Redis."""

from __future__ import annotations

from collections.abc import Iterator

from bench.lab import Lab
from bench.measure import Figure, Part, Result
from bench.rounds import OURS

__all__ = ["PARTS"]

_RUNS = 15


def _hit(figure: Figure, scale: float) -> Part:
    def measure(lab: Lab) -> Iterator[Result]:
        with lab.new_pair(OURS, redis=True) as pair:
            values = []
            for number in range(_RUNS):
                lab.progress(f"{figure.name}: run {number + 1} of {_RUNS}")
                values.append(pair.client.run(figure.name)["p50"] * scale)
        yield figure.result(values)

    return Part(group="cache", figures=(figure,), measure=measure)


PARTS: tuple[Part, ...] = (
    _hit(
        Figure(name="cache-local", text="p50 of a hit in the process", unit="µs", target=20.0), 1e6
    ),
    _hit(Figure(name="cache-redis", text="p50 of a hit in Redis", unit="ms", target=1.0), 1e3),
)
"""Every part of this group."""
