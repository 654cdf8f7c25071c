"""Unary calls: throughput, time and processor time, beside others."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bench.lab import Contender
from bench.measure import RATIO, Figure, Part
from bench.rounds import OURS, Comparison, Ratio

__all__ = ["ENCRYPTED", "PARTS"]

_NATS: Final = Contender(peer="nats-py")
_GRPC: Final = Contender(peer="grpc.aio")
_OTHERS: Final = (Contender(peer="FastAPI"), Contender(peer="FastStream"))


def _ratio(
    name: str,
    text: str,
    against: Contender,
    target: float | None,
    *,
    least: bool = False,
) -> Ratio:
    figure = Figure(
        name=name,
        text=text,
        unit=RATIO,
        target=target,
        bound="at least" if least else "at most",
    )
    return Ratio(figure=figure, against=against)


def _throughput(prefix: str, tls: bool) -> Comparison:
    nats, grpc = replace(_NATS, tls=tls), replace(_GRPC, tls=tls)
    calls = "calls/s, 64 in flight, of"
    least, least_grpc, most = (None, None, None) if tls else (1.3, 8.0, 0.7)
    cpu = _ratio(
        f"{prefix}unary-cpu", "processor time of client and server, of bare nats-py's", nats, most
    )
    return Comparison(
        workload="unary",
        text="unary call, 150 bytes each way, 64 in flight",
        prefix=prefix,
        subject=replace(OURS, tls=tls),
        ratios=(
            _ratio(f"{prefix}unary", f"{calls} bare nats-py's", nats, least, least=True),
            _ratio(f"{prefix}unary-grpc", f"{calls} grpc.aio's", grpc, least_grpc, least=True),
            replace(cpu, of="cpu"),
        ),
        spectators=tuple(replace(other, tls=tls) for other in _OTHERS),
    )


def _latency(prefix: str, tls: bool) -> Comparison:
    nats, grpc = replace(_NATS, tls=tls), replace(_GRPC, tls=tls)
    text = "p50 of single calls, of"
    most, most_grpc = (None, None) if tls else (0.9, 0.5)
    ratios = (
        _ratio(f"{prefix}unary-p50", f"{text} bare nats-py's", nats, most),
        _ratio(f"{prefix}unary-p50-grpc", f"{text} grpc.aio's", grpc, most_grpc),
    )
    return Comparison(
        workload="unary-p50",
        text="unary call, 150 bytes each way, one at a time",
        prefix=prefix,
        subject=replace(OURS, tls=tls),
        ratios=tuple(replace(ratio, of="p50") for ratio in ratios),
        spectators=tuple(replace(other, tls=tls) for other in _OTHERS),
        seconds=0.3,
    )


_TRACED = Comparison(
    workload="unary",
    text="unary call, 1 % of them traced with OpenTelemetry",
    prefix="otel-",
    subject=replace(OURS, traced=True),
    ratios=(
        _ratio("unary-otel", "calls/s with 1 % traced, of those without", OURS, 0.9, least=True),
    ),
)

PARTS: tuple[Part, ...] = (
    _throughput("", tls=False).part("unary"),
    _latency("", tls=False).part("unary"),
    _TRACED.part("unary"),
)
"""Every part of this group."""

ENCRYPTED: tuple[Part, ...] = (
    _throughput("tls-", tls=True).part("tls"),
    _latency("tls-", tls=True).part("tls"),
)
"""The same over TLS."""
