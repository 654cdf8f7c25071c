"""Rows about what a service publishes, consumes and keeps, and about its processes."""

from __future__ import annotations

from collections.abc import Iterator

from protoc_gen_nats.environments import AlertThresholds
from protoc_gen_nats.model import Service
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.monitoring.figures import rate
from protoc_gen_nats.targets.monitoring.panels import Panel, Query, Row
from protoc_gen_nats.targets.monitoring.queries import share_of_both
from protoc_gen_nats.targets.monitoring.service_alerts import OUTBOX_AGE

__all__ = ["DataRows"]


class DataRows:
    """What is shown of events, of kept answers, and of instances."""

    def __init__(self, service: Service, limits: AlertThresholds) -> None:
        self._service = service
        self._limits = limits
        self._own = f'app="{user_of(service)}",instance=~"$instance"'
        self._served = f'service="{service.full_name}",instance=~"$instance"'

    def events(self) -> Row:
        """What it publishes and consumes."""
        own = self._own
        found: list[Panel] = []
        if self._service.publishes or self._service.publishes_any:
            published = "protonats_events_published_total"
            outbox = f"max by (outbox) (protonats_outbox_oldest_seconds{{{own}}})"
            found += [
                Panel(
                    title="Published events",
                    unit="cps",
                    queries=(rate(published, "event, result", own),),
                ),
                Panel(
                    title="Oldest event in the outbox",
                    unit="s",
                    limits=((OUTBOX_AGE, "red"),),
                    queries=(Query(outbox, "{{outbox}}"),),
                ),
            ]
        if self._service.consumers:
            found += self._consumed()
        return Row("Events", tuple(found))

    def _consumed(self) -> Iterator[Panel]:
        names = "|".join(consumer.durable for consumer in self._service.consumers)
        pending = "consumer:jetstream_consumer_{}:max".format
        matchers = f'{{consumer_name=~"{names}"}}'
        handled = "protonats_events_handled_total"
        yield Panel(
            title="Handled events",
            unit="cps",
            queries=(rate(handled, "consumer, result", self._own),),
        )
        yield Panel(
            title="Events that wait",
            limits=((self._limits.consumer_lag, "red"),),
            queries=(
                Query(f"{pending('num_pending')}{matchers}", "{{consumer_name}} wait"),
                Query(f"{pending('num_ack_pending')}{matchers}", "{{consumer_name}} under way"),
            ),
        )
        yield Panel(
            title="Dead letters",
            limits=((self._limits.dead_letters + 1, "red"),),
            queries=(
                Query(f'protonats_platform_dead_letters{{consumer=~"{names}"}}', "{{consumer}}"),
            ),
        )

    def kept(self) -> Row:
        """The cache, and answers that are kept for idempotency keys."""
        served = self._served
        hits, misses = (
            rate(f"protonats_cache_{what}_total", "method, tier", served).expr
            for what in ("hits", "misses")
        )
        replays = "protonats_server_replayed_total"
        failures = "protonats_server_idempotency_failures_total"
        return Row(
            "Cache and idempotency",
            (
                Panel(
                    title="Cache hits",
                    unit="percentunit",
                    queries=(Query(share_of_both(hits, misses), "{{method}}, {{tier}}"),),
                ),
                Panel(
                    title="Stale answers and errors of the cache",
                    unit="cps",
                    queries=tuple(
                        rate(f"protonats_cache_{what}_total", "method, tier", served, what)
                        for what in ("stale", "errors")
                    ),
                ),
                Panel(
                    title="Idempotency keys",
                    unit="cps",
                    queries=(
                        rate(replays, "method", served, "replayed"),
                        rate(failures, "method, step", served, "unprotected"),
                    ),
                ),
            ),
        )

    def processes(self) -> Row:
        """Its instances."""
        own = self._own
        return Row(
            "Instances",
            (
                Panel(
                    title="CPU",
                    description="Cores.",
                    width=6,
                    queries=(rate("process_cpu_seconds_total", "instance", own),),
                ),
                Panel(
                    title="Memory",
                    unit="bytes",
                    width=6,
                    queries=(Query(f"process_resident_memory_bytes{{{own}}}", "{{instance}}"),),
                ),
                Panel(
                    title="Connected to NATS",
                    width=6,
                    queries=(Query(f"protonats_connected{{{own}}}", "{{instance}}"),),
                ),
                Panel(
                    title="Messages thrown away",
                    unit="cps",
                    width=6,
                    queries=(rate("protonats_dropped_total", "reason", own),),
                ),
            ),
        )
