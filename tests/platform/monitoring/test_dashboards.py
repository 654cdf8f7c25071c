"""The generated dashboards and runbooks: whole, readable by Prometheus, and complete."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from protoc_gen_nats.cli import main
from tests.platform.monitoring.dashboard_checks import problems_of_dashboards
from tests.platform.monitoring.expressions import recorded
from tests.platform.monitoring.known_metrics import unknown_metrics
from tests.platform.monitoring.rule_checks import (
    ENVIRONMENTS,
    GENERATED,
    alerts_in,
    promtool,
)
from tests.platform.tools import ROOT

RUNBOOKS = ROOT / "generated" / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/service.py"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_dashboards_are_whole(environment: str, tmp_path: Path) -> None:
    folder = GENERATED / environment / "grafana"

    assert problems_of_dashboards(folder, recorded(), tmp_path) == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_service_has_one_and_the_platform(environment: str) -> None:
    folder = GENERATED / environment / "grafana"

    assert sorted(path.stem for path in folder.glob("*.json")) == ["_platform", *SERVICES]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    for environment in ENVIRONMENTS:
        alerts = {alert["alert"] for alert in alerts_in(GENERATED / environment / "prometheus")}

        assert alerts == {page.stem for page in PAGES}


def test_queries_on_pages_can_be_asked(tmp_path: Path) -> None:
    found = [
        (page.stem, block.strip())
        for page in PAGES
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(), flags=re.DOTALL)
    ]
    rules = [{"record": f"page:{number}", "expr": query} for number, (_, query) in enumerate(found)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "pages", "rules": rules}]}, width=10_000))

    checked = promtool("check", "rules", "--lint=none", path)

    assert checked.returncode == 0, checked.stderr
    assert not [(name, bad) for name, query in found for bad in unknown_metrics(query, recorded())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_leads_on(page: Path) -> None:
    text = page.read_text()

    for heading in ("**What users notice.**", "## Look", "## Mend", "## Close", "## When it comes"):
        assert heading in text
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (RUNBOOKS / target).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_on_a_page_exist(page: Path) -> None:
    lines = re.findall(r"(?:^\s*|`)((?:NATS_NAME=\w+ )?protonats [^`\n]+)", page.read_text(), re.M)
    for line in lines:
        accepted(line)


def accepted(line: str) -> None:
    """Parses a command line as the program does, and runs nothing."""
    words = shlex.split(line)
    command: click.Command = main
    arguments = words[words.index("protonats") + 1 :]
    context = click.Context(command)
    while isinstance(command, click.Group):
        name = arguments.pop(0)
        found = command.get_command(context, name)
        assert found, f"{line}: there is no {name}"
        command, context = found, click.Context(found, parent=context)
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in arguments if word.startswith("-") and word not in known]
    assert not unknown, f"{line}: {command.name} has no {unknown}"


def test_commands_that_do_not_exist_are_found() -> None:
    for line, problem in (
        ("protonats stream ls", "there is no stream"),
        ("protonats streams list", "there is no list"),
        ("protonats ping SERVICE --fast", "ping has no ['--fast']"),
    ):
        with pytest.raises(AssertionError, match=re.escape(problem)):
            accepted(line)


def panel(content: dict[str, Any]) -> dict[str, Any]:
    """One of its panels."""
    found: dict[str, Any] = next(p for p in content["panels"] if p["type"] == "timeseries")
    return found


TWINS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an unknown function": (
        lambda content: panel(content)["targets"][0].update(expr="rated(up[5m])"),
        'unknown function with name "rated"',
    ),
    "a misspelled metric": (
        lambda content: panel(content)["targets"][0].update(expr="rate(protonats_handled[5m])"),
        "reads protonats_handled, which nobody tells",
    ),
    "an unknown variable": (
        lambda content: panel(content)["targets"][0].update(expr="rate(up[$window])"),
        "promtool: ",
    ),
    "no legend": (
        lambda content: panel(content)["targets"][0].update(legendFormat=""),
        "has a query without a legend",
    ),
    "a unit that nobody knows": (
        lambda content: panel(content)["fieldConfig"]["defaults"].update(unit="seconds"),
        "has the unit seconds",
    ),
    "a panel on another": (
        lambda content: panel(content).update(gridPos={"x": 0, "y": 1, "w": 4, "h": 4}),
        "lies on another panel",
    ),
    "a panel that is too wide": (
        lambda content: panel(content).update(gridPos={"x": 20, "y": 999, "w": 8, "h": 4}),
        "is too wide",
    ),
    "one data source for all": (
        lambda content: panel(content).update(datasource={"uid": "production"}),
        "does not read the environment that is chosen",
    ),
    "the same id twice": (
        lambda content: panel(content).update(id=1),
        "has panels with the same id",
    ),
    "a title that another has": (
        lambda content: content.update(title="bodybroker-production: quest"),
        "is called like another dashboard",
    ),
}


@pytest.mark.parametrize(("change", "problem"), TWINS.values(), ids=TWINS)
def test_a_broken_dashboard_is_refused(
    change: Callable[[dict[str, Any]], object], problem: str, tmp_path: Path
) -> None:
    folder = tmp_path / "grafana"
    folder.mkdir()
    for name in ("auth.json", "quest.json"):
        shutil.copy(GENERATED / "production" / "grafana" / name, folder)
    content = json.loads((folder / "auth.json").read_text())
    change(content)
    (folder / "auth.json").write_text(json.dumps(content))

    assert problem in "\n".join(problems_of_dashboards(folder, recorded(), tmp_path))
