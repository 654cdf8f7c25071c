"""Figures of Redis, named as redis_exporter names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from protonats.exporter.samples import Sample

__all__ = ["cluster_figures", "info_figures"]

_INFO: Final = {
    "redis_memory_used_bytes": "used_memory",
    "redis_memory_max_bytes": "maxmemory",
    "redis_connected_clients": "connected_clients",
    "redis_blocked_clients": "blocked_clients",
    "redis_rejected_connections_total": "rejected_connections",
    "redis_evicted_keys_total": "evicted_keys",
    "redis_expired_keys_total": "expired_keys",
    "redis_keyspace_hits_total": "keyspace_hits",
    "redis_keyspace_misses_total": "keyspace_misses",
    "redis_commands_processed_total": "total_commands_processed",
    "redis_net_input_bytes_total": "total_net_input_bytes",
    "redis_net_output_bytes_total": "total_net_output_bytes",
    "redis_uptime_in_seconds": "uptime_in_seconds",
    "redis_connected_slaves": "connected_slaves",
    "redis_cluster_enabled": "cluster_enabled",
}
_CLUSTER: Final = {
    "redis_cluster_slots_assigned": "cluster_slots_assigned",
    "redis_cluster_slots_ok": "cluster_slots_ok",
    "redis_cluster_slots_pfail": "cluster_slots_pfail",
    "redis_cluster_slots_fail": "cluster_slots_fail",
    "redis_cluster_known_nodes": "cluster_known_nodes",
    "redis_cluster_size": "cluster_size",
}


def info_figures(info: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Sample]:
    """What a server answers to `INFO`."""
    for name, key in _INFO.items():
        if key in info:
            yield Sample(name, float(info[key]), labels)
    if info.get("role") == "slave":
        master = {
            "master_host": str(info.get("master_host", "")),
            "master_port": str(info.get("master_port", "")),
        }
        is_up = float(info.get("master_link_status") == "up")
        yield Sample("redis_master_link_up", is_up, {**labels, **master})


def cluster_figures(info: Mapping[str, str], labels: Mapping[str, str]) -> Iterator[Sample]:
    """What a server of a cluster answers to `CLUSTER INFO`."""
    yield Sample("redis_cluster_state", float(info.get("cluster_state") == "ok"), labels)
    for name, key in _CLUSTER.items():
        if key in info:
            yield Sample(name, float(info[key]), labels)
