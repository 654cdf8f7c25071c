"""Durable events beside bare nats-py's: published with acknowledgement, and consumed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bench.lab import Contender
from bench.measure import RATIO, Figure, Part
from bench.rounds import OURS, Comparison, Ratio

__all__ = ["ENCRYPTED", "PARTS"]

_NATS: Final = Contender(peer="nats-py")
_PROFILED: Final = 150_000


def _events(workload: Comparison, target: float | None, *, tls: bool = False) -> Part:
    prefix = "tls-" if tls else ""
    figure = Figure(
        name=f"{prefix}{workload.workload}",
        text=f"{workload.text}, of bare nats-py's",
        unit=RATIO,
        target=target,
        bound="at least",
    )
    comparison = replace(
        workload,
        prefix=prefix,
        subject=replace(OURS, tls=tls),
        ratios=(Ratio(figure=figure, against=replace(_NATS, tls=tls)),),
    )
    return comparison.part("tls" if tls else "events")


_PUBLISH: Final = Comparison(
    workload="publish", text="durable events/s, 64 in flight", ratios=(), unit="events/s"
)
_CONSUME: Final = Comparison(
    workload="consume",
    text="durable events/s handled and acknowledged",
    ratios=(),
    unit="events/s",
    before="fill",
    profiled=_PROFILED,
)

PARTS: tuple[Part, ...] = (_events(_PUBLISH, 2.4), _events(_CONSUME, 4.0))
"""Every part of this group."""

ENCRYPTED: tuple[Part, ...] = (
    _events(_PUBLISH, None, tls=True),
    _events(_CONSUME, None, tls=True),
)
"""The same over TLS."""
