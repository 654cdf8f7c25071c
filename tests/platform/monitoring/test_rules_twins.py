"""What the checks of the rules must refuse: each twin is broken in one way."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform.monitoring.rule_cases import CASES
from tests.platform.monitoring.rule_checks import (
    GENERATED,
    amtool,
    problems_of_rules,
    promtool,
    verdicts,
)

PRODUCTION = GENERATED / "production" / "prometheus"
DOWN = next(case for case in CASES if case.alert == "NatsNodeDown")
NAMES = [f"{DOWN.name}, {which}" for which in ("firing", "quiet")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The rules of production, to break."""
    copy = tmp_path / "production" / "prometheus"
    shutil.copytree(PRODUCTION, copy)
    return copy


def changed(path: Path, change: Callable[[Any], object]) -> None:
    """Changes a file."""
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def alert(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A rule of a file."""
    rules = (rule for group in content["groups"] for rule in group["rules"])
    found: dict[str, Any] = next(rule for rule in rules if rule.get("alert") == name)
    return found


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"expr": "rated(up[5m]) > 0"}, 'unknown function with name "rated"'),
        ({"expr": "sum by (node (up) > 0"}, "parse error"),
        ({"expr": "up == 0 for"}, "parse error"),
        ({"for": "soon"}, "not a valid duration string"),
        ({"untill": "5m"}, "field untill not found"),
        ({"expr": "protonats_platform_nod_up == 0"}, "reads protonats_platform_nod_up"),
        ({"expr": "service:protonats_server_error:share5m > 1"}, "which nobody tells"),
        ({"labels": {"severity": "page"}}, "NatsNodeDown is neither critical nor a warning"),
        ({"annotations": {"summary": "down"}}, "NatsNodeDown has no runbook"),
        ({"annotations": {"description": "{{ $labels.node "}}, "unclosed action"),
        (
            {"annotations": {"summary": "", "description": "", "runbook": "docs/Down.md"}},
            "NatsNodeDown leads to docs/Down.md, which is not there",
        ),
    ],
)
def test_a_broken_rule_is_refused(folder: Path, change: dict[str, Any], problem: str) -> None:
    changed(folder / "alerts.yaml", lambda content: alert(content, "NatsNodeDown").update(change))

    assert problem in "\n".join(problems_of_rules(folder))


def test_two_rules_that_record_the_same_are_refused(folder: Path) -> None:
    def doubled(content: Any) -> None:
        rules = content["groups"][0]["rules"]
        rules.append(dict(rules[0]))

    changed(folder / "rules.yaml", doubled)

    assert "1 duplicate rule(s) found" in "".join(problems_of_rules(folder))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"expr": "protonats_platform_node_up == 2"}, NAMES[:1]),
        ({"expr": "protonats_platform_node_up >= 0"}, NAMES),
        ({"for": "1h"}, NAMES[:1]),
        ({"labels": {"severity": "warning", "environment": "production"}}, NAMES[:1]),
        ({"alert": "NodeDown"}, NAMES[:1]),
        ({"annotations": {"summary": "{{ $labels.nod }}"}}, NAMES[:1]),
    ],
)
def test_an_alert_that_does_not_do_as_it_should_is_found(
    folder: Path, tmp_path: Path, change: dict[str, Any], wrong: list[str]
) -> None:
    changed(folder / "alerts.yaml", lambda content: alert(content, "NatsNodeDown").update(change))

    found = verdicts([DOWN], folder, tmp_path)

    assert [name for name, text in found.items() if text] == wrong


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content.update(scrape_config=[]), "field scrape_config not found"),
        (lambda content: content["rule_files"].append("more.yaml"), "more.yaml"),
        (
            lambda content: content["scrape_configs"].append({"job_name": "exporter"}),
            "found multiple scrape configs with job name",
        ),
    ],
)
def test_a_broken_configuration_is_refused(
    folder: Path, change: Callable[[Any], object], problem: str
) -> None:
    changed(folder / "prometheus.yaml", change)

    checked = promtool("check", "config", folder / "prometheus.yaml")

    assert checked.returncode
    assert problem in checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content["route"].update(receiver="nobody"), "undefined receiver"),
        (lambda content: content["inhibit_rules"][0].update(sources=[]), "field sources not found"),
        (
            lambda content: content["route"]["routes"][0].update(matchers=["severity"]),
            "bad matcher format",
        ),
    ],
)
def test_a_broken_route_is_refused(
    folder: Path, change: Callable[[Any], object], problem: str
) -> None:
    def broken(content: Any) -> None:
        content["receivers"][0]["webhook_configs"] = [{"url": "http://127.0.0.1:1/"}]
        change(content)

    path = folder / "alertmanager.yaml"
    changed(path, broken)

    checked = amtool("check-config", path)

    assert checked.returncode
    assert problem in checked.stdout + checked.stderr
