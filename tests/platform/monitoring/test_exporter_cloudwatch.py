"""Figures on CloudWatch: those that the generated scaling policies read, put as botocore wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from protonats._asking import Answered
from protonats.errors import ConfigurationError
from protonats.exporter.cloudwatch import CloudWatch, metric_data
from protonats.exporter.instances import Known
from protonats.exporter.scaling import CallRates, Load, loads, waiting_events
from protonats.exporter.settings import ExporterSettings
from protonats.exporter.streams import FoundConsumer, FoundStream
from tests.functional.echo import Echo, serving
from tests.functional.exporting import exporting, platform
from tests.functional.game import until
from tests.platform.tools import ROOT

_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
CLUSTER = "bodybroker-production"
QUEST = Known("bodybroker.quest.v1.QuestService", "quest")
WEATHER = Known("bodybroker.weather_manager.v2.WeatherService", "weather_manager")


def instance(service: Known, name: str, requests: int) -> Answered:
    """What an instance says that has taken so many calls."""
    said = {
        "name": service.name,
        "id": name,
        "metadata": {"protonats.service": service.full_name},
        "endpoints": [{"num_requests": requests - 1}, {"num_requests": 1}],
    }
    return Answered(said=said, seconds=0.0)


def load(service: Known, requests: float, queue: float | None) -> Load:
    return Load(service=service, instances=1, requests_per_task=requests, queue_per_task=queue)


def test_calls_a_second_for_each_instance() -> None:
    rates = CallRates()

    def work(now: float, *counts: int) -> Load:
        answers = [instance(QUEST, f"i{number}", count) for number, count in enumerate(counts)]
        return loads({QUEST: answers}, rates, {"quest": 12}, now)[0]

    assert work(0.0, 1000, 2000).requests_per_task == 0.0, "nobody knows how long they took"
    assert work(10.0, 1100, 2500).requests_per_task == 30.0
    assert work(20.0, 1100, 2500).queue_per_task == 6.0
    # A third one is counted from its second answer on, and one that began anew is not negative.
    assert work(30.0, 1, 2500, 70_000).requests_per_task == 0.0
    assert work(40.0, 1, 2500, 70_300).requests_per_task == 10.0
    # Of one that was silent, what it did meanwhile is spread over all that time.
    assert work(50.0, 1).requests_per_task == 0.0
    assert work(60.0, 1, 2800).requests_per_task == 7.5
    assert loads({QUEST: []}, rates, {"quest": 12}, 70.0)[0].queue_per_task == 12.0
    assert loads({QUEST: []}, rates, {}, 70.0)[0].queue_per_task is None


def test_what_waits_for_a_service() -> None:
    def found(waiting: int, *, led: bool = True) -> FoundStream:
        consumer = FoundConsumer(config={}, waiting=waiting, led=led)
        return FoundStream(account="A", name="S", config={}, consumers={"one": consumer})

    entry = {"stream": "S", "durable": "one", "service": "quest"}
    assert waiting_events({"consumers": [entry]}, [found(7)]) == {"quest": 7}
    assert waiting_events({"consumers": [entry, entry]}, [found(7)]) == {"quest": 14}
    # What only a follower says may be old, and what is missing may be anything.
    assert waiting_events({"consumers": [entry]}, [found(7, led=False)]) == {}
    other = {**entry, "durable": "two"}
    assert waiting_events({"consumers": [entry, other]}, [found(7)]) == {}


def test_figures_have_the_names_that_policies_read() -> None:
    data = list(metric_data(CLUSTER, [load(QUEST, 3.0, 4.0), load(WEATHER, 1.0, None)]))
    put = {(one["MetricName"], *(d["Value"] for d in one["Dimensions"])) for one in data}
    assert put == {
        ("RequestsPerTask", CLUSTER, "quest"),
        ("QueuePerTask", CLUSTER, "quest"),
        ("RequestsPerTask", CLUSTER, "weather_manager_v2"),
    }
    for path in (ROOT / "generated/deploy/production/ecs").glob("*/scaling.json"):
        for metric in metrics_of(json.loads(path.read_text())):
            if metric.get("Namespace") == "Protonats":
                assert metric["MetricName"] in {"RequestsPerTask", "QueuePerTask"}
                names = [dimension["Name"] for dimension in metric["Dimensions"]]
                assert sorted(names) == ["Cluster", "Service"]


def metrics_of(value: Any) -> Iterator[dict[str, Any]]:
    """All metrics that a policy or an alarm reads."""
    if isinstance(value, dict):
        if "MetricName" in value:
            yield value
        for below in value.values():
            yield from metrics_of(below)
    elif isinstance(value, list):
        for below in value:
            yield from metrics_of(below)


@pytest.mark.anyio
async def test_they_are_put_as_the_service_wants_them() -> None:
    client = boto3.client("cloudwatch", region_name="eu-central-1")
    data = list(metric_data(CLUSTER, [load(QUEST, 3.0, 4.0)]))
    with Stubber(client) as stub:
        stub.add_response("put_metric_data", {}, {"Namespace": "Protonats", "MetricData": data})
        await CloudWatch(CLUSTER, client=client).publish([load(QUEST, 3.0, 4.0)])
        stub.assert_no_pending_responses()
        stub.add_client_error("put_metric_data", "AccessDenied", "not allowed")
        with pytest.raises(OSError, match=r"AccessDenied.*not allowed"):
            await CloudWatch(CLUSTER, client=client).publish([load(QUEST, 3.0, 4.0)])


@pytest.mark.anyio
async def test_they_arrive_with_a_resolution_of_a_second() -> None:
    begin = datetime.now(UTC) - timedelta(minutes=1)
    with mock_aws():
        client = boto3.client("cloudwatch", region_name="eu-central-1")
        for requests in (10.0, 30.0):
            await CloudWatch(CLUSTER, client=client).publish([load(QUEST, requests, 4.0)])
        listed = client.list_metrics(Namespace="Protonats")["Metrics"]
        dimensions = next(one for one in listed if one["MetricName"] == "RequestsPerTask")
        (point,) = client.get_metric_statistics(
            Namespace="Protonats",
            MetricName="RequestsPerTask",
            Dimensions=dimensions["Dimensions"],
            StartTime=begin,
            EndTime=begin + timedelta(minutes=5),
            Period=300,
            Statistics=["Maximum", "SampleCount"],
        )["Datapoints"]
    assert (point["Maximum"], point["SampleCount"]) == (30.0, 2.0)


@pytest.mark.anyio
async def test_the_exporter_publishes_what_it_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _REGIONS:
        monkeypatch.delenv(name, raising=False)
    with mock_aws(), platform() as running:
        # As ECS tells it.
        settings = ExporterSettings.from_environment({"AWS_REGION": "eu-central-1"})
        cloudwatch = CloudWatch(CLUSTER, region=settings.region)
        client = boto3.client("cloudwatch", region_name="eu-central-1")
        async with (
            serving(running.url(), Echo()),
            exporting(running.variables(), cloudwatch=cloudwatch) as told,
        ):
            await until(lambda: client.list_metrics(Namespace="Protonats")["Metrics"])
            (metric,) = client.list_metrics(Namespace="Protonats")["Metrics"]
            assert metric["MetricName"] == "RequestsPerTask"
            assert metric["Dimensions"] == [
                {"Name": "Cluster", "Value": CLUSTER},
                {"Name": "Service", "Value": "echo"},
            ]
            await told.until("protonats_exporter_source_up", 1.0, source="cloudwatch")
            # What nobody knows is not put: no figure may scale services in by mistake.
            running.server.kill()
            await told.until("protonats_exporter_source_up", 0.0, source="services")
            assert told.values("protonats_platform_requests_per_task") == []


@pytest.mark.anyio
async def test_a_service_that_is_away_is_an_error() -> None:
    client = boto3.client(
        "cloudwatch",
        region_name="eu-central-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(OSError, match="CloudWatch: Could not connect"):
        await CloudWatch(CLUSTER, client=client).publish([load(QUEST, 3.0, 4.0)])


def test_a_region_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _REGIONS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(ConfigurationError, match="set AWS_REGION"):
        CloudWatch(CLUSTER)
