"""What rules, dashboards and pages follow from. That the tools read them is tested with these."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from protoc_gen_nats.manifest import load_manifest
from protoc_gen_nats.model import Method, Schema
from protoc_gen_nats.project.project import Project
from protoc_gen_nats.targets import monitoring
from protoc_gen_nats.targets.monitoring import recording
from tests.projects import ROOT

CASE = ROOT / "tests/golden/cases/deployment"
ORDER = "shop.order.v1.OrderService"
STOCK = "shop.stock.v1.StockService"
NATS = "{instance_type: m6i.large, disk: 50 GiB, file_store: 40 GiB%s}"
HEAD = """\
version: 1
deployment: {name: shop, base_image: docker.io/library/python:3.12-slim}
streams:
  ORDERS: {subjects: [evt.order.>]}
environments:
"""


@pytest.fixture(scope="module")
def schema() -> Schema:
    """Orders of two versions, and a stock that consumes their events."""
    return Project(CASE).schema()


class Rendered:
    """The files of a platform."""

    def __init__(self, folder: Path, schema: Schema, *environments: str) -> None:
        path = folder / "protonats.yaml"
        path.write_text(HEAD + "".join(environments))
        planned = list(monitoring.plan(schema, load_manifest(path)))
        self.files = {file.path: file.render().content.decode() for file in planned}
        assert len(self.files) == len(planned)

    def yaml(self, path: str) -> Any:
        """A file as YAML."""
        return yaml.safe_load(self.files[f"deploy/{path}"])

    def rules(self, path: str) -> list[dict[str, Any]]:
        """The rules of a file."""
        return [rule for group in self.yaml(path)["groups"] for rule in group["rules"]]

    def alert(self, environment: str, name: str) -> str:
        """The expression of an alert."""
        rules = self.rules(f"{environment}/prometheus/alerts.yaml")
        (found,) = (rule for rule in rules if rule["alert"] == name)
        return str(found["expr"])

    def rows(self, path: str) -> list[str]:
        """The rows of a dashboard."""
        panels = json.loads(self.files[f"deploy/{path}"])["panels"]
        return [panel["title"] for panel in panels if panel["type"] == "row"]


def environment(name: str, more: str = "", nats: str = "") -> str:
    """An environment of the manifest."""
    lines = ["region: eu-central-1", f"network: 10.{len(name)}.0.0/16", "registry: ecr"]
    lines += [f"nats: {NATS % nats}", *more.splitlines()]
    return "".join((f"  {name}:\n", *(f"    {line}\n" for line in lines)))


def facts(schema: Schema, **changes: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """The time-outs of methods and the last bucket in time, with other methods, by their names."""

    def changed(method: Method) -> Method:
        return replace(method, **changes.get(method.name, {}))

    services = [
        replace(service, methods=tuple(map(changed, service.methods)))
        for service in schema.services
    ]
    groups = recording.groups(cast(Schema, SimpleNamespace(services=services)))
    (rules,) = (group["rules"] for group in groups if group["name"] == "schema")
    return {
        (rule["labels"]["service"], rule["labels"]["method"]): (rule["expr"], rule["labels"]["le"])
        for rule in rules
    }


def test_without_environments_there_is_nothing_to_watch(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "protonats.yaml"
    path.write_text("version: 1\n")

    assert list(monitoring.plan(schema, load_manifest(path))) == []


def test_alerts_have_the_thresholds_of_their_environment(tmp_path: Path, schema: Schema) -> None:
    alerts = "{consumer_lag: 50, error_share: 0.2, dead_letters: 7, certificate_expiry: 3d}"
    rendered = Rendered(
        tmp_path, schema, environment("dev", f"alerts: {alerts}"), environment("production")
    )

    for name, dev, production in (
        ("ConsumerLag", "50", "1000"),
        ("ErrorShareHigh", "0.2", "0.05"),
        ("DeadLetters", "7", "0"),
        ("CertificateExpires", "259200", "1209600"),
    ):
        assert rendered.alert("dev", name).endswith(f" {dev}")
        assert rendered.alert("production", name).endswith(f" {production}")


@pytest.mark.parametrize(("nodes", "majority"), [(3, 2), (5, 3)])
def test_a_cluster_needs_its_majority(
    tmp_path: Path, schema: Schema, nodes: int, majority: int
) -> None:
    rendered = Rendered(tmp_path, schema, environment("dev", nats=f", nodes: {nodes}"))

    assert f"< {nodes} " in rendered.alert("dev", "NatsNodeDown")
    assert f"< {majority} " in rendered.alert("dev", "NatsQuorumLost")


def test_a_single_node_has_no_leader_to_miss(tmp_path: Path, schema: Schema) -> None:
    rendered = Rendered(tmp_path, schema, environment("dev", nats=", nodes: 1"))

    assert "docs/runbooks/MetaLeaderMissing.md" not in rendered.files
    assert "docs/runbooks/StreamLeaderMissing.md" in rendered.files


def test_where_there_is_no_redis_nobody_asks_for_it(tmp_path: Path, schema: Schema) -> None:
    redis = "redis: {instance_type: cache.r7g.large, shards: 2, replicas: 1}"
    rendered = Rendered(tmp_path, schema, environment("dev"), environment("production", redis))

    assert "redis" not in rendered.files["deploy/dev/prometheus/alerts.yaml"]
    assert "Redis" not in rendered.rows("dev/grafana/_platform.json")
    assert "< 4 " in rendered.alert("production", "RedisDown")
    assert "Redis" in rendered.rows("production/grafana/_platform.json")
    page = rendered.files["docs/runbooks/RedisDown.md"]
    assert "| production | critical | 1m |" in page
    assert "| dev |" not in page


def test_services_promise_what_their_environment_says(tmp_path: Path, schema: Schema) -> None:
    more = "services: {defaults: {availability: 0.99}, order: {availability: 0.9995}}"
    rendered = Rendered(tmp_path, schema, environment("dev", more), environment("production"))

    for name, order, stock in (("dev", 0.9995, 0.99), ("production", 0.999, 0.999)):
        rules = rendered.rules(f"{name}/prometheus/slo.yaml")
        found = {
            rule["labels"]["service"]: rule["expr"]
            for rule in rules
            if rule.get("record") == "service:slo:objective"
        }
        assert found[ORDER] == f"vector({order})"
        assert found[STOCK] == f"vector({stock})"
        assert len(found) == 3


def test_time_outs_are_facts_that_rules_read(schema: Schema) -> None:
    found = facts(schema, Count={"timeout": None}, Reserve={"timeout": 90.0})

    # A stream may take as long as it likes, and so may a method without a time-out.
    assert found == {
        (ORDER, "Place"): ("vector(2)", "1"),
        ("shop.order.v2.OrderService", "Place"): ("vector(5)", "5"),
        (STOCK, "Reserve"): ("vector(90)", "+Inf"),
    }


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0001, "0.0005"), (0.25, "0.25"), (0.3, "0.25"), (10.0, "10"), (60.1, "+Inf")],
)
def test_the_last_bucket_in_time_is_rounded_down(
    schema: Schema, seconds: float, bucket: str
) -> None:
    assert facts(schema, Count={"timeout": seconds})[STOCK, "Count"][1] == bucket


def test_what_is_recorded_is_the_same_everywhere(tmp_path: Path, schema: Schema) -> None:
    dev = environment("dev", "alerts: {latency: 3s}", nats=", nodes: 1")
    files = Rendered(tmp_path, schema, dev, environment("production")).files

    assert (
        files["deploy/dev/prometheus/rules.yaml"]
        == files["deploy/production/prometheus/rules.yaml"]
    )


def test_instances_are_found_below_the_domain_of_the_environment(
    tmp_path: Path, schema: Schema
) -> None:
    gateway = "gateway: {host: api.shop.example}"
    rendered = Rendered(tmp_path, schema, environment("dev"), environment("production", gateway))

    def names(path: str) -> list[str]:
        services, _ = rendered.yaml(f"{path}/prometheus.yaml")["scrape_configs"]
        found: list[str] = services["dns_sd_configs"][0]["names"]
        return found

    services = ["order", "order_v2", "stock"]
    assert names("dev/prometheus") == [f"{name}.shop-dev.internal" for name in services]
    assert names("production/prometheus")[-1] == "gateway.shop-production.internal"
    assert names("compose") == services


def test_nobody_is_told_without_an_address(tmp_path: Path, schema: Schema) -> None:
    rendered = Rendered(tmp_path, schema, environment("dev"))

    for path in ("dev/prometheus/alertmanager.yaml", "compose/alertmanager.yaml"):
        (receiver,) = rendered.yaml(path)["receivers"]
        assert receiver["webhook_configs"] == [
            {"url_file": "/etc/alertmanager/webhook-url", "send_resolved": True}
        ]


def test_a_dashboard_shows_what_a_service_can_do(tmp_path: Path, schema: Schema) -> None:
    rendered = Rendered(tmp_path, schema, environment("dev"))
    every = ["At a glance", "Calls", "Durations", "Work under way"]

    assert rendered.rows("dev/grafana/order.json") == [
        *every,
        "Streams",
        "Events",
        "Calls to others",
        "Instances",
    ]
    assert rendered.rows("dev/grafana/order_v2.json") == [*every, "Calls to others", "Instances"]
    assert rendered.rows("dev/grafana/stock.json") == [*every, "Events", "Instances"]
    assert "Cache and idempotency" not in rendered.rows("dev/grafana/stock.json")


def test_a_panel_is_one_line(tmp_path: Path, schema: Schema) -> None:
    text = Rendered(tmp_path, schema, environment("dev")).files["deploy/dev/grafana/stock.json"]
    listed = text.partition('"panels": [\n')[2].partition("\n  ]")[0].splitlines()

    assert [json.loads(line.rstrip(",")) for line in listed] == json.loads(text)["panels"]


def test_dashboards_of_two_environments_are_two(tmp_path: Path, schema: Schema) -> None:
    files = Rendered(tmp_path, schema, environment("dev"), environment("production")).files
    uids = [json.loads(text)["uid"] for path, text in files.items() if path.endswith(".json")]

    assert len(uids) == len(set(uids)) == 2 * (3 + 1)


def test_a_page_names_things_as_the_cloud_does(tmp_path: Path, schema: Schema) -> None:
    page = Rendered(tmp_path, schema, environment("dev")).files["docs/runbooks/ServiceDown.md"]

    assert "--cluster shop-ENVIRONMENT" in page
    assert "PREFIX" not in page
