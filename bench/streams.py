"""Streaming calls beside grpc.aio's: messages a second on one stream."""

from __future__ import annotations

from dataclasses import replace

from bench.lab import Contender
from bench.measure import RATIO, Figure, Part
from bench.rounds import OURS, Comparison, Ratio

__all__ = ["ENCRYPTED", "PARTS"]

_GRPC = Contender(peer="grpc.aio")


def _stream(name: str, text: str, target: float | None, *, tls: bool = False) -> Part:
    prefix = "tls-" if tls else ""
    figure = Figure(
        name=f"{prefix}{name}",
        text=f"{text}, messages/s of grpc.aio's",
        unit=RATIO,
        target=target,
        bound="at least",
    )
    comparison = Comparison(
        workload=name,
        text=text,
        prefix=prefix,
        subject=replace(OURS, tls=tls),
        ratios=(Ratio(figure=figure, against=replace(_GRPC, tls=tls)),),
        unit="messages/s",
        seconds=0.5,
    )
    return comparison.part("tls" if tls else "streams")


PARTS: tuple[Part, ...] = (
    _stream("server-stream", "server stream, producer that is ready", 20.0),
    _stream("server-stream-awaiting", "server stream, producer that awaits each item", 5.0),
    _stream("client-stream", "client stream", 8.0),
    _stream("bidi-stream", "bidirectional stream, both ways at once", 8.0),
    _stream("ping-pong", "64 bidirectional streams, on each one message at a time", 8.0),
    _stream("ping-pong-alone", "one bidirectional stream, one message at a time", None),
)
"""Every part of this group."""

ENCRYPTED: tuple[Part, ...] = (
    _stream("server-stream", "server stream, producer that is ready", None, tls=True),
    _stream("client-stream", "client stream", None, tls=True),
    _stream("bidi-stream", "bidirectional stream, both ways at once", None, tls=True),
)
"""Those of them that are measured over TLS, too."""
