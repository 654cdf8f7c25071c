"""Durable events beside bare nats-py's: published with acknowledgement, and consumed."""

from __future__ import annotations

from bench.lab import Contender
from bench.measure import RATIO, Figure, Part
from bench.rounds import Comparison, Ratio

__all__ = ["PARTS"]

_NATS = Contender(peer="nats-py")


def _events(name: str, text: str, target: float, *, before: str | None = None) -> Part:
    figure = Figure(
        name=name,
        text=f"{text}, of bare nats-py's",
        unit=RATIO,
        target=target,
        bound="at least",
    )
    ratio = Ratio(figure=figure, against=_NATS)
    comparison = Comparison(
        workload=name, text=text, ratios=(ratio,), unit="events/s", before=before
    )
    return comparison.part("events")


PARTS: tuple[Part, ...] = (
    _events("publish", "durable events/s, 64 in flight", 2.4),
    _events("consume", "durable events/s handled and acknowledged", 4.0, before="fill"),
)
"""Every part of this group."""
