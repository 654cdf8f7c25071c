"""The dashboard of a platform: calls between services, NATS, JetStream, Redis, the exporter."""

from __future__ import annotations

from protoc_gen_nats.environments import Environment
from protoc_gen_nats.targets.monitoring.figures import WINDOW, rate, stat
from protoc_gen_nats.targets.monitoring.jetstream_alerts import STORAGE_SHARE
from protoc_gen_nats.targets.monitoring.panels import Panel, Query, Row
from protoc_gen_nats.targets.monitoring.queries import AT_STREAM_LEADER, named, share_of_both
from protoc_gen_nats.targets.monitoring.redis_alerts import MEMORY_SHARE

__all__ = ["rows"]

_NODE = "{{value}}"
_SERVICE = "{{service}}"


def rows(environment: Environment) -> list[Row]:
    """All rows."""
    redis = [_redis()] if environment.redis else []
    return [
        _glance(environment),
        _calls(environment),
        _nodes(environment),
        _jetstream(environment),
        _consumers(environment),
        *redis,
        _watching(),
    ]


def _glance(environment: Environment) -> Row:
    nodes = environment.nats.nodes
    without = "count(protonats_platform_service_instances == 0) or vector(0)"
    firing = 'count(ALERTS{alertstate="firing"}) or vector(0)'
    return Row(
        "At a glance",
        (
            stat("Alerts", firing, "short", (1, "red")),
            stat(
                "NATS nodes",
                "sum(protonats_platform_node_up)",
                "short",
                (0, "red"),
                (nodes, "green"),
            ),
            stat("Services without instance", without, "short", (1, "red")),
            stat(
                "Streams without leader",
                "sum(protonats_platform_stream_leaderless)",
                "short",
                (1, "red"),
            ),
            stat(
                "Dead letters",
                "sum(protonats_platform_dead_letters)",
                "short",
                (environment.alerts.dead_letters + 1, "orange"),
            ),
            stat("Not as planned", "sum(protonats_platform_drift)", "short", (1, "orange")),
        ),
    )


def _calls(environment: Environment) -> Row:
    limits = environment.alerts
    return Row(
        "Calls",
        (
            Panel(
                title="Calls by service",
                unit="reqps",
                stacked=True,
                queries=(Query("service:protonats_server_handled:rate5m", _SERVICE),),
            ),
            Panel(
                title="Error share by service",
                unit="percentunit",
                limits=((limits.error_share, "red"),),
                queries=(Query("service:protonats_server_errors:share5m", _SERVICE),),
            ),
            Panel(
                title="99th percentile by service",
                unit="s",
                limits=((limits.latency, "red"),),
                queries=(Query("service:protonats_server_handling_seconds:p99_5m", _SERVICE),),
            ),
            Panel(
                title="Who calls whom",
                description="Calls a second, the caller's app first.",
                kind="table",
                unit="reqps",
                width=12,
                queries=(Query("sort_desc(caller:protonats_client_handled:rate5m > 0)", ""),),
            ),
            Panel(
                title="Error share by caller and service",
                unit="percentunit",
                width=12,
                limits=((limits.error_share, "red"),),
                queries=(
                    Query("caller:protonats_client_errors:share5m > 0", "{{app}} to {{service}}"),
                ),
            ),
        ),
    )


def _nodes(environment: Environment) -> Row:
    limits = environment.alerts
    expiry = "protonats_platform_certificate_expiry_timestamp_seconds - time()"
    return Row(
        "NATS nodes",
        (
            _by_node("Messages in", f"rate(gnatsd_varz_in_msgs[{WINDOW}])", "cps"),
            _by_node("Messages out", f"rate(gnatsd_varz_out_msgs[{WINDOW}])", "cps"),
            _by_node("Bytes out", f"rate(gnatsd_varz_out_bytes[{WINDOW}])", "Bps"),
            _by_node("Connections", "gnatsd_varz_connections", "short"),
            _by_node("CPU", "gnatsd_varz_cpu / (100 * gnatsd_varz_cores)", "percentunit"),
            _by_node("Memory", "gnatsd_varz_mem", "bytes"),
            _by_node("Clients cut off", f"increase(gnatsd_varz_slow_consumers[{WINDOW}])", "short"),
            _by_node("Bytes that wait for clients", "gnatsd_connz_pending_bytes", "bytes"),
            _by_node("Routes", "gnatsd_routez_num_routes", "short"),
            Panel(
                title="Certificates end in",
                unit="s",
                width=6,
                limits=((0, "red"), (limits.certificate_expiry, "green")),
                queries=(Query(expiry, "{{node}}"),),
            ),
        ),
    )


def _by_node(title: str, query: str, unit: str) -> Panel:
    return Panel(title=title, unit=unit, width=6, queries=(Query(named(query), _NODE),))


def _jetstream(environment: Environment) -> Row:
    by_stream = "sum by (stream_name) ({}{{" + AT_STREAM_LEADER + "}})"
    stored = f"jetstream_stream_last_seq{{{AT_STREAM_LEADER}}}[{WINDOW}]"
    name = "{{stream_name}}"
    return Row(
        "JetStream",
        (
            Panel(
                title="Storage in use",
                unit="percentunit",
                limits=((environment.alerts.storage_share, "red"),),
                queries=(Query(named(STORAGE_SHARE), _NODE),),
            ),
            Panel(
                title="Messages by stream",
                queries=(Query(by_stream.format("jetstream_stream_total_messages"), name),),
            ),
            Panel(
                title="Bytes by stream",
                unit="bytes",
                queries=(Query(by_stream.format("jetstream_stream_total_bytes"), name),),
            ),
            Panel(
                title="Stored messages",
                unit="cps",
                queries=(Query(f"sum by (stream_name) (rate({stored}))", name),),
            ),
            Panel(
                title="Advisories",
                description="What JetStream tells of itself, by kind.",
                queries=(
                    Query(
                        "sum by (kind)"
                        f" (increase(protonats_platform_advisories_total[{WINDOW}])) > 0",
                        "{{kind}}",
                    ),
                ),
            ),
            Panel(
                title="Not as planned",
                kind="table",
                queries=(Query("protonats_platform_drift > 0", ""),),
            ),
        ),
    )


def _consumers(environment: Environment) -> Row:
    limits = environment.alerts
    pending = "consumer:jetstream_consumer_{}:max".format
    name = "{{stream_name}}/{{consumer_name}}"
    return Row(
        "Events",
        (
            Panel(
                title="Events that wait",
                limits=((limits.consumer_lag, "red"),),
                queries=(Query(pending("num_pending"), name),),
            ),
            Panel(title="Events under way", queries=(Query(pending("num_ack_pending"), name),)),
            Panel(
                title="Handled events",
                unit="cps",
                queries=(
                    Query("consumer:protonats_events_handled:rate5m", "{{consumer}} {{result}}"),
                ),
            ),
            Panel(
                title="Published events",
                unit="cps",
                queries=(rate("protonats_events_published_total", "app, result"),),
            ),
            Panel(
                title="Dead letters",
                limits=((limits.dead_letters + 1, "red"),),
                queries=(Query("protonats_platform_dead_letters", "{{stream}}/{{consumer}}"),),
            ),
            Panel(
                title="Oldest event in an outbox",
                unit="s",
                queries=(
                    Query("max by (app, outbox) (protonats_outbox_oldest_seconds)", "{{outbox}}"),
                ),
            ),
        ),
    )


def _redis() -> Row:
    hits, misses = (f"rate(redis_keyspace_{what}_total[{WINDOW}])" for what in ("hits", "misses"))
    return Row(
        "Redis",
        (
            _by_server("Memory in use", MEMORY_SHARE, "percentunit"),
            _by_server("Commands", f"rate(redis_commands_processed_total[{WINDOW}])", "cps"),
            _by_server("Clients", "redis_connected_clients", "short"),
            _by_server("Hits", share_of_both(hits, misses), "percentunit"),
            _by_server("Evicted keys", f"rate(redis_evicted_keys_total[{WINDOW}])", "cps"),
            _by_server("Servers that answer", "redis_up", "short"),
            _by_server("Parts of the keys without server", "redis_cluster_slots_fail", "short"),
            Panel(
                title="Hits of the methods' cache",
                unit="percentunit",
                width=6,
                queries=(Query("service:protonats_cache_hits:share5m", "{{service}} {{tier}}"),),
            ),
        ),
    )


def _by_server(title: str, query: str, unit: str) -> Panel:
    return Panel(title=title, unit=unit, width=6, queries=(Query(query, "{{node}}"),))


def _watching() -> Row:
    return Row(
        "What watches",
        (
            Panel(
                title="Sources of the exporter",
                queries=(Query("protonats_exporter_source_up", "{{source}}"),),
            ),
            Panel(
                title="Time for asking",
                unit="s",
                queries=(Query("protonats_exporter_poll_seconds", "{{source}}"),),
            ),
            Panel(
                title="Instances that are read",
                queries=(Query("sum by (app) (up)", "{{app}}"),),
            ),
        ),
    )
