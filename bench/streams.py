"""Streaming calls beside grpc.aio's: messages a second on one stream."""

from __future__ import annotations

from bench.lab import Contender
from bench.measure import RATIO, Figure, Part
from bench.rounds import Comparison, Ratio

__all__ = ["PARTS"]

_GRPC = Contender(peer="grpc.aio")


def _stream(name: str, text: str, target: float | None, unit: str = "messages/s") -> Part:
    figure = Figure(
        name=name,
        text=f"{text}, {unit} of grpc.aio's",
        unit=RATIO,
        target=target,
        bound="at least",
    )
    ratio = Ratio(figure=figure, against=_GRPC)
    comparison = Comparison(workload=name, text=text, ratios=(ratio,), unit=unit, seconds=0.5)
    return comparison.part("streams")


PARTS: tuple[Part, ...] = (
    _stream("server-stream", "server stream, producer that is ready", 20.0),
    _stream("server-stream-awaiting", "server stream, producer that awaits each item", 5.0),
    _stream("client-stream", "client stream", 8.0),
    _stream("bidi-stream", "bidirectional stream, both ways at once", 8.0),
    _stream("ping-pong", "64 bidirectional streams, on each one message at a time", 8.0),
    _stream("ping-pong-alone", "one bidirectional stream, one message at a time", None),
)
"""Every part of this group."""
