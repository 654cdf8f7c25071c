"""The alarms on the bill are those of the scaling."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.projects import ROOT, TestProject

CASE = ROOT / "tests/golden/cases/deployment"

CPU_ALARMS = 2
"""What AWS makes for each service by itself."""


class Shop(TestProject):
    """The services of the golden case, with events and without, and a gateway in production."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(CASE / "proto", root / "proto")
        shutil.copy(CASE / "protonats.yaml", root)
        self.generate()

    def value(self, path: str) -> Any:
        """The value of a generated file."""
        return json.loads(self.read(f"generated/deploy/{path}"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize(
    ("environment", "services"), [("dev", 3), ("production", 4)], ids=["dev", "production"]
)
def test_every_alarm_is_paid_for(shop: Shop, environment: str, services: int) -> None:
    folder = shop.root / f"generated/deploy/{environment}/ecs"
    alarms = [
        alarm
        for path in folder.glob("*/scaling.json")
        for alarm in json.loads(path.read_text())["alarms"]
    ]
    fast = [alarm for alarm in alarms if alarm.get("Period") == 10]
    slow = [
        metric for alarm in alarms for metric in alarm.get("Metrics", []) if "Label" not in metric
    ]

    items = {item["name"]: item for item in shop.value(f"{environment}/costs.json")["items"]}

    assert len(list(folder.glob("*/service.json"))) == services
    assert items["alarms every 10 s"]["count"] == len(fast)
    assert items["alarms every 10 s"]["price"] == 0.3
    assert items["alarms"]["count"] == len(slow) + CPU_ALARMS * services


def test_every_metric_is_paid_for(shop: Shop) -> None:
    folder = shop.root / "generated/deploy/dev/ecs"
    own = {
        json.dumps(alarm["Dimensions"]) + alarm["MetricName"]
        for path in folder.glob("*/scaling.json")
        for alarm in json.loads(path.read_text())["alarms"]
        if "MetricName" in alarm
    }

    items = {item["name"]: item for item in shop.value("dev/costs.json")["items"]}

    assert len(own) == 4  # `stock` consumes events, and all three are called
    assert items["metrics"]["count"] == 3 * 12 + len(own)
