"""Rows about the calls of a service: those that it answers, and those that it makes."""

from __future__ import annotations

from protoc_gen_nats.environments import AlertThresholds
from protoc_gen_nats.model import Service
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.monitoring.figures import WINDOW, rate, stat, total
from protoc_gen_nats.targets.monitoring.objectives import BURN_RATES, OBJECTIVE, errors_of
from protoc_gen_nats.targets.monitoring.panels import Panel, Query, Row
from protoc_gen_nats.targets.monitoring.queries import error_share, quantile
from protoc_gen_nats.targets.monitoring.recording import QUANTILES, TIME_OUT

__all__ = ["CallRows"]

_METHOD = "{{method}}"


class CallRows:
    """What is shown of calls."""

    def __init__(self, service: Service, limits: AlertThresholds) -> None:
        self._limits = limits
        self._fact = f'service="{service.full_name}"'
        self._served = f'{self._fact},instance=~"$instance"'
        self._own = f'app="{user_of(service)}",instance=~"$instance"'

    def glance(self) -> Row:
        """How it is now."""
        fact, limits = self._fact, self._limits
        errors = f"service:protonats_server_errors:share5m{{{fact}}}"
        seconds = f"service:protonats_server_handling_seconds:p99_5m{{{fact}}}"
        instances = f"protonats_platform_service_instances{{{fact}}}"
        running = f"sum(protonats_server_in_flight{{{fact}}})"
        return Row(
            "At a glance",
            (
                stat("Calls", f"service:protonats_server_handled:rate5m{{{fact}}}", "reqps"),
                stat("Errors", errors, "percentunit", (limits.error_share, "red")),
                stat("99th percentile", seconds, "s", (limits.latency, "red")),
                stat("In flight", running, "short"),
                stat("Instances", instances, "short", (0, "red"), (1, "green")),
                stat(
                    "Burn rate, 1 h",
                    f"{errors_of('availability', '1h')}{{{fact}}} / (1 - {OBJECTIVE}{{{fact}}})",
                    "short",
                    (1, "orange"),
                    (BURN_RATES[0].factor, "red"),
                ),
            ),
        )

    def calls(self) -> Row:
        """Rates and errors."""
        served = self._served
        codes = f'{served},code!="OK"'
        return Row(
            "Calls",
            (
                Panel(
                    title="Calls by method",
                    unit="reqps",
                    stacked=True,
                    queries=(rate("protonats_server_handled_total", "method", served),),
                ),
                Panel(
                    title="Statuses other than OK",
                    unit="reqps",
                    stacked=True,
                    queries=(rate("protonats_server_handled_total", "code", codes),),
                ),
                Panel(
                    title="Error share by method",
                    description="Statuses that are the service's own fault.",
                    unit="percentunit",
                    limits=((self._limits.error_share, "red"),),
                    queries=(Query(error_share("server", "method", WINDOW, served), _METHOD),),
                ),
            ),
        )

    def durations(self) -> Row:
        """How long calls take, and what is left of objectives."""
        fact, limits = self._fact, self._limits
        recorded = "protonats_server_handling_seconds"
        slowest = quantile(0.99, "server", "method", WINDOW, self._served)
        used = f"method:{recorded}:p99_5m{{{fact}}} / on (service, method) {TIME_OUT}{{{fact}}}"
        burns = tuple(
            Query(
                f"{errors_of(what, rate.long)}{{{fact}}} / (1 - {OBJECTIVE}{{{fact}}})",
                f"{what}, {rate.long}",
            )
            for what in ("availability", "latency")
            for rate in BURN_RATES
        )
        return Row(
            "Durations",
            (
                Panel(
                    title="All methods that answer once",
                    unit="s",
                    width=6,
                    queries=tuple(
                        Query(f"service:{recorded}:{name}_5m{{{fact}}}", name)
                        for _, name in QUANTILES
                    ),
                ),
                Panel(
                    title="99th percentile by method",
                    unit="s",
                    width=6,
                    limits=((limits.latency, "red"),),
                    queries=(Query(slowest, _METHOD),),
                ),
                Panel(
                    title="Used of the time-out",
                    description="The 99th percentile as a share of the method's time-out.",
                    unit="percentunit",
                    width=6,
                    limits=((limits.deadline_share, "red"),),
                    queries=(Query(used, _METHOD),),
                ),
                Panel(
                    title="Burn rates of the error budget",
                    description="1 uses up exactly what may fail.",
                    width=6,
                    limits=tuple((rate.factor, "red") for rate in reversed(BURN_RATES)),
                    queries=burns,
                ),
            ),
        )

    def work(self) -> Row:
        """What runs, waits and is refused."""
        served = self._served
        return Row(
            "Work under way",
            (
                Panel(
                    title="In flight by method",
                    queries=(total("protonats_server_in_flight", "method", served),),
                ),
                Panel(
                    title="Waiting by method",
                    description="Calls beyond the method's limit, which wait for others.",
                    queries=(total("protonats_server_queued", "method", served),),
                ),
                Panel(
                    title="Refused, and blocked event loops",
                    unit="cps",
                    queries=(
                        rate("protonats_server_refused_total", "method, reason", served),
                        rate("protonats_loop_blocked_total", "handler", self._own, "blocks"),
                    ),
                ),
            ),
        )

    def streams(self) -> Row:
        """Messages of streaming calls."""
        served = self._served
        names = "protonats_server_stream_messages_{}_total".format
        return Row(
            "Streams",
            (
                Panel(
                    title="Messages sent",
                    unit="cps",
                    queries=(rate(names("sent"), "method", served),),
                ),
                Panel(
                    title="Messages received",
                    unit="cps",
                    queries=(rate(names("received"), "method", served),),
                ),
                Panel(
                    title="Credit",
                    description="Messages that may be sent now; 0 for long: clients do not read.",
                    queries=(total("protonats_server_stream_credit", "method", served),),
                ),
            ),
        )

    def called(self) -> Row:
        """What it calls itself."""
        own = self._own
        retries = ("retries", "hedges", "retry_budget_exhausted")
        breakers = f"max by (service, method) (protonats_client_breaker_state{{{own}}})"
        name = "{{service}}"
        return Row(
            "Calls to others",
            (
                Panel(
                    title="Calls by service",
                    unit="reqps",
                    queries=(rate("protonats_client_handled_total", "service", own),),
                ),
                Panel(
                    title="Error share by service",
                    unit="percentunit",
                    limits=((self._limits.error_share, "red"),),
                    queries=(Query(error_share("client", "service", WINDOW, own), name),),
                ),
                Panel(
                    title="99th percentile by service",
                    unit="s",
                    queries=(Query(quantile(0.99, "client", "service", WINDOW, own), name),),
                ),
                Panel(
                    title="Retries and hedges",
                    unit="cps",
                    width=12,
                    queries=tuple(
                        rate(f"protonats_client_{what}_total", "service, method", own, what)
                        for what in retries
                    ),
                ),
                Panel(
                    title="Circuit breakers",
                    description="0 closed, 1 half-open, 2 open.",
                    width=12,
                    limits=((2, "red"),),
                    queries=(Query(breakers, "{{service}}/{{method}}"),),
                ),
            ),
        )
