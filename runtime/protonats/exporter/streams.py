"""The streams of a cluster, put together from what each server has of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from protonats.exporter.nodes import NodeAnswers
from protonats.exporter.samples import Sample

__all__ = ["FoundConsumer", "FoundStream", "dead_letter_streams", "found_streams", "leaderless"]

_DEAD_LETTERS: Final = "dlq."


@dataclass(kw_only=True, slots=True)
class FoundConsumer:
    """A consumer, as its leader sees it where that answered."""

    config: Mapping[str, Any]
    waiting: int
    """Messages that it has not delivered."""

    led: bool
    """Whether this is what its leader said."""


@dataclass(kw_only=True, slots=True)
class FoundStream:
    """A stream, as any of its servers sees it."""

    account: str
    name: str
    config: Mapping[str, Any]
    has_leader: bool = False
    """Whether one of the servers knows a leader."""

    consumers: dict[str, FoundConsumer] = field(default_factory=dict)


def found_streams(nodes: Iterable[NodeAnswers]) -> list[FoundStream]:
    """All streams that the servers have, each once, by account and name."""
    found: dict[tuple[str, str], FoundStream] = {}
    for node in nodes:
        server = node.varz.get("server_name")
        for account in node.jsz.get("account_details") or ():
            for said in account.get("stream_detail") or ():
                key = (str(account["name"]), str(said["name"]))
                stream = found.get(key)
                if stream is None:
                    config = said.get("config") or {}
                    stream = found[key] = FoundStream(account=key[0], name=key[1], config=config)
                cluster = said.get("cluster")
                stream.has_leader |= not cluster or bool(cluster.get("leader"))
                for consumer in said.get("consumer_detail") or ():
                    _add(stream.consumers, consumer, server)
    return [found[key] for key in sorted(found)]


def _add(consumers: dict[str, FoundConsumer], said: Mapping[str, Any], server: object) -> None:
    name = str(said["name"])
    cluster = said.get("cluster")
    led = not cluster or cluster.get("leader") == server
    if led or name not in consumers:
        config, waiting = said.get("config") or {}, int(said.get("num_pending", 0))
        consumers[name] = FoundConsumer(config=config, waiting=waiting, led=led)


def leaderless(streams: Iterable[FoundStream]) -> Iterator[Sample]:
    """Which streams take no messages, as too few of their servers are there."""
    for stream in streams:
        labels = {"account": stream.account, "stream": stream.name}
        yield Sample("protonats_platform_stream_leaderless", float(not stream.has_leader), labels)


def dead_letter_streams(streams: Iterable[FoundStream]) -> list[str]:
    """The streams that keep what could not be handled."""
    return [
        stream.name
        for stream in streams
        if any(str(one).startswith(_DEAD_LETTERS) for one in stream.config.get("subjects") or ())
    ]
