"""Figures of JetStream, named as the NATS project's exporter names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from protonats.exporter.nodes import NodeAnswers
from protonats.exporter.samples import Sample

__all__ = ["jetstream_figures"]

_SERVER: Final = {
    "total_streams": "streams",
    "total_consumers": "consumers",
    "total_messages": "messages",
    "total_message_bytes": "bytes",
}
_STREAM: Final = {
    "total_messages": "messages",
    "total_bytes": "bytes",
    "first_seq": "first_seq",
    "last_seq": "last_seq",
    "consumer_count": "consumer_count",
    "subject_count": "num_subjects",
}
_CONSUMER: Final = ("num_ack_pending", "num_redelivered", "num_waiting", "num_pending")
_SEQUENCES: Final = ("consumer_seq", "stream_seq")


def jetstream_figures(answers: NodeAnswers) -> Iterator[Sample]:
    """All that one server says of JetStream; of streams and consumers, what it has a replica of."""
    said = answers.jsz
    if not said:
        return
    server, name = _server_labels(answers)
    config = said.get("config") or {}
    yield Sample("jetstream_server_jetstream_disabled", float(said.get("disabled", False)), server)
    for limit in ("max_memory", "max_storage"):
        yield Sample(f"jetstream_server_{limit}", float(config.get(limit, 0)), server)
    for metric, key in _SERVER.items():
        yield Sample(f"jetstream_server_{metric}", float(said.get(key, 0)), server)
    for account in said.get("account_details") or ():
        labels = {**server, "account": str(account["name"]), "account_id": str(account["id"])}
        for stream in account.get("stream_detail") or ():
            yield from _stream(stream, labels, name)


def _server_labels(answers: NodeAnswers) -> tuple[Mapping[str, str], str]:
    said = answers.jsz
    name = str(answers.varz.get("server_name", ""))
    meta = said.get("meta_cluster") or {}
    labels = {
        "server_id": str(said.get("server_id", "")),
        "server_name": name,
        "cluster": str(meta.get("name", "")),
        "domain": str((said.get("config") or {}).get("domain", "")),
        "meta_leader": str(meta.get("leader", "")),
        "is_meta_leader": _is_leader(meta, name),
    }
    return labels, name


def _stream(stream: Mapping[str, Any], labels: Mapping[str, str], server: str) -> Iterator[Sample]:
    cluster = stream.get("cluster") or {}
    labels = {
        **labels,
        "stream_name": str(stream["name"]),
        "stream_leader": str(cluster.get("leader", "")),
        "is_stream_leader": _is_leader(cluster, server),
        "stream_raft_group": str(stream.get("stream_raft_group", "")),
    }
    state = stream.get("state") or {}
    for metric, key in _STREAM.items():
        yield Sample(f"jetstream_stream_{metric}", float(state.get(key, 0)), labels)
    config = stream.get("config") or {}
    for metric, key in (("limit_bytes", "max_bytes"), ("limit_messages", "max_msgs")):
        yield Sample(f"jetstream_stream_{metric}", float(config.get(key, -1)), labels)
    for consumer in stream.get("consumer_detail") or ():
        yield from _consumer(consumer, labels, server)


def _consumer(
    consumer: Mapping[str, Any], labels: Mapping[str, str], server: str
) -> Iterator[Sample]:
    cluster = consumer.get("cluster") or {}
    labels = {
        **labels,
        "consumer_name": str(consumer["name"]),
        "consumer_leader": str(cluster.get("leader", "")),
        "is_consumer_leader": _is_leader(cluster, server),
        "consumer_desc": str((consumer.get("config") or {}).get("description", "")),
    }
    for name in _CONSUMER:
        yield Sample(f"jetstream_consumer_{name}", float(consumer.get(name, 0)), labels)
    for what in ("delivered", "ack_floor"):
        for key in _SEQUENCES:
            value = float((consumer.get(what) or {}).get(key, 0))
            yield Sample(f"jetstream_consumer_{what}_{key}", value, labels)


def _is_leader(cluster: Mapping[str, Any], server: str) -> str:
    """A server alone leads all it has."""
    return "true" if not cluster or cluster.get("leader") == server else "false"
