"""What a process counts, and the text in which Prometheus reads it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from protonats.errors import Code
from protonats.metrics import BUCKETS, Metrics

KEY = ("quest", "GenerateQuest")
LABELS = {"service": "quest", "method": "GenerateQuest"}


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The value of one sample in the rendered text."""
    for family in text_string_to_metric_families(metrics.render(connected=True).decode()):
        for found in family.samples:
            if found.name == name and found.labels == labels:
                return float(found.value)
    return None


@pytest.mark.parametrize("side", ["server", "client"])
def test_calls_are_counted_by_status(side: str) -> None:
    metrics = Metrics()
    calls = getattr(metrics, f"{side}_calls")(KEY)
    for code in (0, 0, int(Code.NOT_FOUND)):
        calls.started += 1
        calls.finish(code, 0.001)

    assert sample(metrics, f"protonats_{side}_started_total", **LABELS) == 3
    assert sample(metrics, f"protonats_{side}_handled_total", **LABELS, code="OK") == 2
    assert sample(metrics, f"protonats_{side}_handled_total", **LABELS, code="NOT_FOUND") == 1


def test_calls_in_flight_are_those_begun_and_not_ended() -> None:
    metrics = Metrics()
    calls = metrics.server_calls(KEY)
    calls.started += 3
    calls.finish(0, 0.01)

    assert sample(metrics, "protonats_server_in_flight", **LABELS) == 2


@pytest.mark.parametrize(
    ("side", "name"),
    [("server", "protonats_server_handling_seconds"), ("client", "protonats_client_seconds")],
)
def test_seconds_fall_into_cumulative_buckets(side: str, name: str) -> None:
    metrics = Metrics()
    for seconds in (0.0001, 0.0005, 0.02, 60.0):
        getattr(metrics, f"{side}_calls")(KEY).finish(0, seconds)

    assert sample(metrics, f"{name}_bucket", **LABELS, le="0.0005") == 2
    assert sample(metrics, f"{name}_bucket", **LABELS, le="0.025") == 3
    assert sample(metrics, f"{name}_bucket", **LABELS, le="10.0") == 3
    assert sample(metrics, f"{name}_bucket", **LABELS, le="+Inf") == 4
    assert sample(metrics, f"{name}_count", **LABELS) == 4
    assert sample(metrics, f"{name}_sum", **LABELS) == pytest.approx(60.0206)


def test_buckets_reach_from_half_a_millisecond_to_a_minute() -> None:
    assert (BUCKETS[0], BUCKETS[-1]) == (0.0005, 60.0)
    assert list(BUCKETS) == sorted(BUCKETS)


def test_events_dead_letters_and_drops_have_their_counters() -> None:
    metrics = Metrics()
    metrics.event_published("game.Won", "acknowledged")
    metrics.event_handled("quest_events", "game.Won", "retried")
    metrics.dead_lettered("quest_events")
    metrics.dropped("late")

    published = {"event": "game.Won", "result": "acknowledged"}
    handled = {"consumer": "quest_events", "event": "game.Won", "result": "retried"}
    assert sample(metrics, "protonats_events_published_total", **published) == 1
    assert sample(metrics, "protonats_events_handled_total", **handled) == 1
    assert sample(metrics, "protonats_events_dead_lettered_total", consumer="quest_events") == 1
    assert sample(metrics, "protonats_dropped_total", reason="late") == 1


@pytest.mark.parametrize("connected", [True, False])
def test_the_connection_is_a_gauge(connected: bool) -> None:
    text = Metrics().render(connected=connected).decode()

    assert f"protonats_connected {float(connected)}" in text


def test_two_connections_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.dropped("late")

    assert sample(other, "protonats_dropped_total", reason="late") is None


def test_prometheus_client_is_loaded_by_the_first_scrape_only() -> None:
    program = (
        "import sys; from protonats.metrics import Metrics; m = Metrics();"
        "m.server_calls(('a', 'B')).started += 1; assert 'prometheus_client' not in sys.modules;"
        "m.render(); assert 'prometheus_client' in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
