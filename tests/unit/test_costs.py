"""The table of costs of an environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protoc_gen_nats.manifest import load_manifest
from protoc_gen_nats.targets.terraform import cost_pages, costs
from protoc_gen_nats.targets.terraform.variables import Names

NAMES = Names(("order", "stock"), ("order", "stock"))
MANIFEST = """\
version: 1
deployment:
  name: shop
  base_image: docker.io/library/python:3.12-slim
  services:
    defaults: {cpu: 1024, memory: 2 GiB, min_tasks: 2, max_tasks: 10}
environments:
  dev:
    region: eu-central-1
    network: 10.20.0.0/16
    registry: ecr
    nats: {instance_type: m6i.large, disk: 50 GiB, file_store: 40 GiB}
    redis: {instance_type: cache.r7g.large}
"""


def table(folder: Path, text: str = MANIFEST) -> costs.Costs:
    path = folder / "protonats.yaml"
    path.write_text(text)
    return costs.of(load_manifest(path).environments["dev"], NAMES)


def pages(table: costs.Costs) -> tuple[dict[str, Any], str]:
    files = {file.path: file.content.decode() for file in cost_pages.render(table)}
    return json.loads(files["deploy/dev/costs.json"]), files["deploy/dev/costs.md"]


def month(table: costs.Costs, name: str) -> float:
    return next(item.month for item in table.items if item.name == name)


def test_nodes_cost_their_hours(tmp_path: Path) -> None:
    found = table(tmp_path)

    assert month(found, "m6i.large nodes") == pytest.approx(5 * 730 * 0.115)
    assert month(found, "cache.r7g.large nodes") == pytest.approx(6 * 730 * 0.262)


def test_tasks_are_counted_at_the_least_and_at_the_most(tmp_path: Path) -> None:
    cpu = next(item for item in table(tmp_path).items if item.name == "Fargate CPU")

    assert cpu.count == 2 * 2 + 0.5
    assert cpu.month_at_most == pytest.approx((2 * 10 + 0.5) * 730 * 0.04656)


def test_the_sum_is_that_of_the_lines(tmp_path: Path) -> None:
    found = table(tmp_path)
    value, page = pages(found)

    assert value["month"] == pytest.approx(sum(item["month"] for item in value["items"]), abs=0.1)
    assert f"| **all** | | | **{found.month:,.2f}** | **{found.month_at_most:,.2f}** |" in page


def test_the_date_of_the_prices_is_on_the_page(tmp_path: Path) -> None:
    value, page = pages(table(tmp_path))

    assert value["prices_as_of"] == "2025-10-01"
    assert "USD a month in eu-central-1, at list prices of 2025-10-01" in page


def test_a_type_without_a_price_is_a_line_and_no_error(tmp_path: Path) -> None:
    found = table(tmp_path, MANIFEST.replace("m6i.large", "x9z.huge"))
    value, page = pages(found)

    assert "| NATS: x9z.huge nodes | 5 | no price known | – | – |" in page
    line = next(item for item in value["items"] if item["name"] == "x9z.huge nodes")
    assert (line["price"], line["month"]) == (None, 0)
    assert found.month > 1000


def test_a_region_without_prices_has_those_that_hold_everywhere(tmp_path: Path) -> None:
    found = table(tmp_path, MANIFEST.replace("eu-central-1", "af-south-1"))

    assert month(found, "private CA") == 400
    assert [item.price for item in found.items if item.group in ("Redis", "Tasks")] == [None] * 3


def test_without_redis_nothing_is_said_of_it(tmp_path: Path) -> None:
    text = MANIFEST.replace("    redis: {instance_type: cache.r7g.large}\n", "")
    found = table(tmp_path, text)

    assert not [item for item in found.items if item.group == "Redis"]
    assert not [saving for saving in found.savings if "Redis" in saving.what]


def test_what_could_be_saved_follows_from_what_is_paid(tmp_path: Path) -> None:
    savings = {s.what.split(":")[0].split(",")[0]: s.month for s in table(tmp_path).savings}

    assert savings["3 NATS nodes"] == pytest.approx(2 * 730 * 0.115)
    assert savings["NATS on m6g.large"] == pytest.approx(5 * 730 * (0.115 - 0.092))
    assert savings["certificates that live for at most 7 days (`certificates.lifetime`)"] == 350
    assert savings["reserved Redis nodes"] == pytest.approx(0.31 * 6 * 730 * 0.262)


def test_nothing_is_saved_twice(tmp_path: Path) -> None:
    text = MANIFEST + (
        "    certificates: {lifetime: 7d, renew_before: 3d}\n    alerts: {certificate_expiry: 1d}\n"
    )
    small = text.replace("disk: 50", "nodes: 3, disk: 50")
    what = " ".join(saving.what for saving in table(tmp_path, small).savings)

    assert "NATS nodes:" not in what
    assert "7 days" not in what


def test_the_document_compares_what_is_generated() -> None:
    root = Path(__file__).parents[2]
    text = (root / "docs" / "deployment.md").read_text()
    for environment in ("dev", "staging", "production"):
        file = root / "generated" / "deploy" / environment / "costs.json"
        found = json.loads(file.read_text())
        beside = found["month"] - 2708
        row = f"| {environment} | {found['month']:,.2f} | {beside:+,.2f} |"
        assert f"{row} {found['month_at_most']:,.2f} |\n" in text
        assert found["prices_as_of"] in text
