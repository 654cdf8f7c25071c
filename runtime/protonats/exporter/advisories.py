"""What JetStream tells by itself: leaders that change, quorums that are lost, vain deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from protonats._transport.message import Message
from protonats.connection import Connection
from protonats.exporter.samples import Sample

__all__ = ["Advisories"]

_SUBJECTS: Final = "$JS.EVENT.ADVISORY.>"
_TYPE: Final = "io.nats.jetstream.advisory.v1."
_WATCHED: Final = (
    "max_deliver",
    "nak",
    "terminated",
    "stream_quorum_lost",
    "stream_leader_elected",
    "consumer_quorum_lost",
    "consumer_leader_elected",
)
"""Shown from the start, so that the first of them is seen as a change."""

_UNKNOWN: Final = "unreadable"


class Advisories:
    """Counts them by kind."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = dict.fromkeys(_WATCHED, 0)

    async def listen(self, connection: Connection) -> None:
        """Begins to hear them on a connection.

        Raises:
            StatusError: The connection breaks.
        """
        await connection._transport.subscribe(_SUBJECTS, self._receive)
        await connection._transport.barrier()

    def figures(self) -> Iterator[Sample]:
        """How many there were."""
        for kind, count in sorted(self._counts.items()):
            yield Sample("protonats_platform_advisories_total", float(count), {"kind": kind})

    def _receive(self, message: Message) -> None:
        kind = _kind(message.body)
        self._counts[kind] = self._counts.get(kind, 0) + 1


def _kind(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return _UNKNOWN
    name = said.get("type") if isinstance(said, dict) else None
    return name.removeprefix(_TYPE) if isinstance(name, str) else _UNKNOWN
