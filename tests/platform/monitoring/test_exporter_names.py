"""Every metric that a rule or a dashboard names is there where it is scraped."""

from __future__ import annotations

from collections.abc import Callable
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.platform.monitoring.chain import Chain
from tests.platform.monitoring.expressions import (
    metrics_in,
    panel_queries,
    recorded,
    rule_queries,
)

BY_PROMETHEUS = {"up", "ALERTS", "ALERTS_FOR_STATE"}
"""What Prometheus itself adds."""

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def names_in(text: str) -> set[str]:
    """The metrics in a scrape, with those that have no numbers before something happens."""
    return {
        f"{family.name}{suffix}"
        for family in text_string_to_metric_families(text)
        for suffix in _SUFFIXES.get(family.type, ("",))
    }


@pytest.fixture(scope="module")
def scraped(chain: Chain) -> set[str]:
    """All that the exporter and a service tell."""
    programs = (chain.exporter, chain.services["weather_manager"])
    return {name for one in programs for name in names_in(one.get("/metrics").decode())}


@pytest.mark.parametrize("queries", [rule_queries, panel_queries])
def test_every_metric_exists(
    queries: Callable[[], list[tuple[str, str]]], scraped: set[str]
) -> None:
    known = scraped | recorded() | BY_PROMETHEUS
    assert not {(where, name) for where, query in queries() for name in metrics_in(query) - known}


def test_panels_can_be_drawn(chain: Chain) -> None:
    for panel, query in panel_queries():
        try:
            chain.query(query)
        except HTTPError as error:
            pytest.fail(f"{panel}: {query}: {error.read().decode()}")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('sum by (le, app) (rate(a_total{b="c"}[5m])) > 0.5', {"a_total"}),
        ("a / on (node) group_left (value) b:c:d * 1e3 unless e offset 5m", {"a", "b:c:d", "e"}),
        ('label_replace(a, "b", "$1", "c", "(.*)") or vector(0) == bool 1', {"a"}),
        ("histogram_quantile(0.99, sum by (le) (a_bucket))", {"a_bucket"}),
        ("absent(up{job='exporter'} == 1) and on () (count(a) or b)", {"up", "a", "b"}),
    ],
)
def test_metrics_are_told_from_the_rest(query: str, names: set[str]) -> None:
    assert metrics_in(query) == names


def test_a_metric_that_nobody_tells_is_found(scraped: set[str]) -> None:
    assert metrics_in("rate(gnatsd_varz_slow_consumer[5m]) > 0") - scraped
