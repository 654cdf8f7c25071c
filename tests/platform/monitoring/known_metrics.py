"""Which metrics there are, as far as that can be known without a scrape."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from protonats._telemetry.families import families
from tests.platform.monitoring.expressions import metrics_in

__all__ = ["unknown_metrics"]

_BUILT_IN = {"up", "ALERTS"}
_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
_HISTOGRAMS = ("protonats_client_seconds", "protonats_server_handling_seconds")
_EXPORTER = re.compile(
    r"""protonats_platform_(
            node_up|stream_leaderless|drift|dead_letters|service_instances
            |certificate_expiry_timestamp_seconds|advisories_total)
        |protonats_exporter_(connected|source_up|errors_total|poll_seconds)
        |gnatsd_varz_(server_name|mem|gomemlimit|cpu|cores|connections|total_connections
            |max_connections|slow_consumers|in_msgs|out_msgs|out_bytes
            |jetstream_stats_(storage|memory)|jetstream_config_max_storage)
        |gnatsd_connz_pending_bytes
        |gnatsd_routez_num_routes
        |jetstream_server_(jetstream_disabled|total_streams)
        |jetstream_stream_(total_messages|total_bytes|last_seq)
        |jetstream_consumer_num_(ack_)?pending
        |redis_(up|memory_used_bytes|memory_max_bytes|connected_clients|evicted_keys_total
            |commands_processed_total|keyspace_(hits|misses)_total|cluster_state
            |cluster_slots_(ok|fail))""",
    re.VERBOSE,
)
"""What the exporter tells; that it really does is seen in the chain."""


def unknown_metrics(query: str, recorded: Collection[str]) -> list[str]:
    """The metrics in a query that nobody tells or records."""
    known = _runtime() | _BUILT_IN | _PROCESS | set(recorded)
    return sorted(
        name for name in metrics_in(query) if name not in known and not _EXPORTER.fullmatch(name)
    )


@cache
def _runtime() -> set[str]:
    """What every process tells."""
    names = {"protonats_connected"}
    for family in families():
        names.add(f"protonats_{family.name}{'_total' if family.kind == 'counter' else ''}")
    for histogram in _HISTOGRAMS:
        names |= {f"{histogram}_{part}" for part in ("bucket", "count", "sum")}
    return names
