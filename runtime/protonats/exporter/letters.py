"""How many messages wait in dead letters, by the stream and the consumer that gave them up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.exporter.samples import Sample

__all__ = ["count_letters", "letter_figures"]

_COUNTING: Final = "dead_letters."
"""What the account of monitoring calls `$JS.API.STREAM.INFO` of such a stream."""

_FILTER: Final = "dlq.>"
_Counts = Mapping[tuple[str, str], int]


async def count_letters(
    connection: Connection, streams: Iterable[str], timeout: float
) -> dict[tuple[str, str], int]:
    """The number of messages of each pair of stream and consumer.

    Args:
        connection: Where to ask.
        streams: The streams that keep dead letters.
        timeout: Seconds for each of them.

    Raises:
        StatusError: JetStream does not answer, or not as it should.
    """
    counts: dict[tuple[str, str], int] = {}
    for stream in streams:
        for subject, count in (await _subjects(connection, stream, timeout)).items():
            origin, _, consumer = subject.removeprefix("dlq.").partition(".")
            counts[origin, consumer] = counts.get((origin, consumer), 0) + count
    return counts


async def _subjects(connection: Connection, stream: str, timeout: float) -> Mapping[str, int]:
    answer = await connection._request(
        f"{_COUNTING}{stream}",
        json.dumps({"subjects_filter": _FILTER}).encode(),
        b"",
        asyncio.get_running_loop().time() + timeout,
    )
    if answer.status:
        raise StatusError(Code.UNAVAILABLE, f"nobody tells about the stream {stream}")
    said: Mapping[str, Any] = json.loads(answer.body)
    if "error" in said:
        raise StatusError(
            Code.UNAVAILABLE, f"stream {stream}: {said['error'].get('description', 'no answer')}"
        )
    subjects: Mapping[str, int] = (said.get("state") or {}).get("subjects") or {}
    return subjects


def letter_figures(counts: _Counts, plan: Mapping[str, Any]) -> Iterator[Sample]:
    """The numbers, also of planned consumers that have none."""
    planned = {(entry["stream"], entry["durable"]): 0 for entry in plan.get("consumers") or ()}
    for (stream, consumer), count in sorted({**planned, **counts}.items()):
        labels = {"stream": stream, "consumer": consumer}
        yield Sample("protonats_platform_dead_letters", float(count), labels)
