"""What differs between the streams that are planned and those that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from protonats._plan import bucket_config, consumer_config, number, stream_config
from protonats.exporter.samples import Sample
from protonats.exporter.streams import FoundConsumer, FoundStream

__all__ = ["drift"]

_BUCKET: Final = "KV_"
_KEEPERS: Final = (("stream", "streams", stream_config), ("bucket", "buckets", bucket_config))
"""What keeps messages: its kind, where the plan has it, and what it means for the server."""

_SERVERS_CHOICE: Final = ("duplicate_window", "num_replicas")
"""What the server chooses where the plan says nothing, so that 0 means nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Planned:
    kind: str
    name: str
    config: Mapping[str, Any]
    replicas: int
    found: FoundStream | FoundConsumer | None


def drift(
    plan: Mapping[str, Any], streams: Iterable[FoundStream], *, silent: int
) -> Iterator[Sample]:
    """Whether each stream, consumer and bucket of the plan is missing or has another
    configuration, and which ones nobody planned.

    Args:
        plan: The content of `jetstream.json`.
        streams: What the servers have.
        silent: How many servers did not answer. What all of its replicas may be on is not called
            missing.
    """
    by_name = {stream.name: stream for stream in streams}
    planned = list(_planned(plan, by_name))
    for entry in planned:
        if entry.found is None and entry.replicas <= silent:
            continue
        changed = entry.found is not None and _differs(entry.config, entry.found.config)
        yield _sample(entry.kind, entry.name, "missing", entry.found is None)
        yield _sample(entry.kind, entry.name, "changed", changed)
    names = {(entry.kind, entry.name) for entry in planned}
    for kind, name in _there(by_name.values()):
        if (kind, name) not in names:
            yield _sample(kind, name, "unplanned", True)


def _planned(plan: Mapping[str, Any], streams: Mapping[str, FoundStream]) -> Iterator[_Planned]:
    replicas: dict[str, int] = {}
    for kind, entries, build in _KEEPERS:
        for entry in plan.get(entries) or ():
            config: dict[str, Any] = build(entry).as_dict()
            count = replicas[config["name"]] = number(entry, "replicas", 1)
            config["num_replicas"] = number(entry, "replicas", 0)
            yield _Planned(
                kind=kind,
                name=entry["name"],
                config=config,
                replicas=count,
                found=streams.get(config["name"]),
            )
    for entry in plan.get("consumers") or ():
        stream = streams.get(entry["stream"])
        yield _Planned(
            kind="consumer",
            name=f"{entry['stream']}/{entry['durable']}",
            config=consumer_config(entry).as_dict(),
            replicas=replicas.get(entry["stream"], 1),
            found=stream and stream.consumers.get(entry["durable"]),
        )


def _there(streams: Iterable[FoundStream]) -> Iterator[tuple[str, str]]:
    for stream in streams:
        if stream.name.startswith(_BUCKET):
            yield "bucket", stream.name.removeprefix(_BUCKET)
        else:
            yield "stream", stream.name
        for name, consumer in stream.consumers.items():
            # Others end by themselves with whoever reads by them.
            if consumer.config.get("durable_name"):
                yield "consumer", f"{stream.name}/{name}"


def _differs(planned: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    return any(
        not _same(value, there.get(name))
        for name, value in planned.items()
        if value or name not in _SERVERS_CHOICE
    )


def _same(planned: Any, there: Any) -> bool:
    if isinstance(planned, Enum):
        planned = planned.value
    if isinstance(planned, Mapping):
        # The server adds entries of its own.
        return planned.items() <= (there or {}).items()
    if isinstance(planned, list):
        return sorted(planned) == sorted(there or ())
    # What is 0, off or empty is often left out.
    return bool(planned == there) or not (planned or there)


def _sample(kind: str, name: str, problem: str, value: bool) -> Sample:
    labels = {"kind": kind, "name": name, "problem": problem}
    return Sample("protonats_platform_drift", float(value), labels)
