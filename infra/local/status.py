"""What the table shows: one row for each service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calls import Endpoint, Record, percentile
from fleet import Member, MemberState

__all__ = ["Row", "rows"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One service."""

    service: str
    """Its name."""

    state: str
    """`starting`, `serving`, `restarting`; `unimplemented`: it serves, and all answers say so."""

    instances: int
    """Processes of it that serve."""

    calls: int
    """Calls that were made to it."""

    failed: int
    """Those of them that failed."""

    p50_ms: float | None
    """Milliseconds that half of its answers took at most."""

    p99_ms: float | None
    """Milliseconds that 99 of 100 of its answers took at most."""

    restarts: int
    """How often it was started again."""

    pid: int | None
    """Its process."""


def rows(members: Sequence[Member], endpoints: Sequence[Endpoint]) -> list[Row]:
    """The rows as things stand."""
    by_service: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_service.setdefault(endpoint.service.name, []).append(endpoint)
    return [_row(member, by_service.get(member.service.name, [])) for member in members]


def _row(member: Member, endpoints: Sequence[Endpoint]) -> Row:
    record = endpoints[0].record if endpoints else Record()
    state = member.state.value
    serving = member.state is MemberState.SERVING
    if serving and endpoints and all(endpoint.unimplemented for endpoint in endpoints):
        state = "unimplemented"
    return Row(
        service=member.service.name,
        state=state,
        instances=int(serving),
        calls=record.calls,
        failed=record.failed,
        p50_ms=_milliseconds(percentile(record.seconds, 0.5)),
        p99_ms=_milliseconds(percentile(record.seconds, 0.99)),
        restarts=member.restarts,
        pid=member.process.pid if member.process else None,
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
