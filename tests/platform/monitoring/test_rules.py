"""The generated rules: read by the real tools, and each alert firing and quiet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.platform.monitoring.rule_cases import CASES, Case
from tests.platform.monitoring.rule_checks import (
    ENVIRONMENTS,
    GENERATED,
    RULE_FILES,
    alerts_in,
    amtool,
    problems_of_rules,
    promtool,
    verdicts,
)

PRODUCTION = GENERATED / "production" / "prometheus"
EVERYWHERE = [GENERATED / name / "prometheus" for name in ENVIRONMENTS]
TOLD = [folder / "alertmanager.yaml" for folder in (*EVERYWHERE, GENERATED / "compose")]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What promtool says of all cases."""
    return verdicts(CASES, PRODUCTION, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_alert_fires(case: Case, found: Mapping[str, str]) -> None:
    assert not found[f"{case.name}, firing"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_alert_is_quiet(case: Case, found: Mapping[str, str]) -> None:
    assert not found[f"{case.name}, quiet"]


def test_every_alert_has_a_case() -> None:
    alerts = {(alert["alert"], alert["labels"].get("window")) for alert in alerts_in(PRODUCTION)}

    assert {(case.alert, case.labels.get("window")) for case in CASES} == alerts


@pytest.mark.parametrize("folder", EVERYWHERE, ids=ENVIRONMENTS)
def test_rules_are_whole(folder: Path) -> None:
    assert problems_of_rules(folder) == []


@pytest.mark.parametrize("folder", EVERYWHERE, ids=ENVIRONMENTS)
def test_prometheus_reads_its_configuration(folder: Path) -> None:
    checked = promtool("check", "config", folder / "prometheus.yaml")

    assert checked.returncode == 0, checked.stderr
    for name in RULE_FILES:
        assert name in checked.stdout


def test_prometheus_reads_that_of_the_compose_file(tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yaml"
    path.write_text((GENERATED / "compose" / "prometheus.yaml").read_text())
    # As the compose file mounts it.
    (tmp_path / "rules").symlink_to(PRODUCTION)

    checked = promtool("check", "config", path)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    "path",
    [
        *(folder / "alertmanager.yaml" for folder in EVERYWHERE),
        GENERATED / "compose/alertmanager.yaml",
    ],
    ids=[*ENVIRONMENTS, "compose"],
)
def test_alertmanager_reads_its_configuration(path: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    (webhook,) = content["receivers"][0]["webhook_configs"]
    assert set(webhook) == {"url_file", "send_resolved"}, "no address is a default"
    # Debian's amtool, 0.25, does not know url_file.
    webhook["url"] = f"http://127.0.0.1{webhook.pop('url_file')}"
    local = tmp_path / "alertmanager.yaml"
    local.write_text(yaml.safe_dump(content))

    checked = amtool("check-config", local)

    assert checked.returncode == 0, checked.stderr
