"""What promtool and amtool say of files, and which rules our own checks have beside theirs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.platform.monitoring.expressions import rules_in
from tests.platform.monitoring.known_metrics import unknown_metrics
from tests.platform.monitoring.rule_cases import Case
from tests.platform.tools import ROOT, tool

__all__ = [
    "ENVIRONMENTS",
    "GENERATED",
    "RULE_FILES",
    "alerts_in",
    "amtool",
    "problems_of_rules",
    "promtool",
    "verdicts",
]

GENERATED = ROOT / "generated" / "deploy"
ENVIRONMENTS = ("dev", "staging", "production")
RULE_FILES = ("rules.yaml", "alerts.yaml", "slo.yaml")

_ANNOTATIONS = {"summary", "description", "runbook"}
_SEVERITIES = {"critical", "warning"}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs promtool."""
    return _run("promtool", *arguments)


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs amtool."""
    return _run("amtool", *arguments)


def _run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [tool(name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def alerts_in(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Its alerts."""
    return (rule for rule in rules_in(folder) if "alert" in rule)


def problems_of_rules(folder: Path, root: Path = ROOT) -> list[str]:
    """What is wrong with the rules of an environment.

    Args:
        folder: Where they are.
        root: The project, which has the pages of the alerts.
    """
    files = [folder / name for name in RULE_FILES]
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", *files)
    if checked.returncode:
        return [f"promtool: {checked.stdout}{checked.stderr}"]
    rules = list(rules_in(folder))
    return [*_unknown(rules), *_incomplete(alerts_in(folder), root)]


def _unknown(rules: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Metrics that nobody tells, and rules that nobody reads."""
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        name = rule.get("alert") or rule["record"]
        for metric in unknown_metrics(rule["expr"], recorded):
            yield f"{name} reads {metric}, which nobody tells"


def _incomplete(alerts: Iterable[Mapping[str, Any]], root: Path) -> Iterator[str]:
    for alert in alerts:
        name, annotations = alert["alert"], alert.get("annotations", {})
        for missing in sorted(_ANNOTATIONS - annotations.keys()):
            yield f"{name} has no {missing}"
        if alert.get("labels", {}).get("severity") not in _SEVERITIES:
            yield f"{name} is neither critical nor a warning"
        runbook = annotations.get("runbook")
        if runbook and not (root / runbook).is_file():
            yield f"{name} leads to {runbook}, which is not there"


def verdicts(cases: Sequence[Case], folder: Path, scratch: Path) -> dict[str, str]:
    """What is wrong with each case, by its name; nothing where the alert does what it should.

    Args:
        cases: The cases.
        folder: The rules.
        scratch: Where the tests for promtool are written to.
    """
    names = [f"{case.name}, {which}" for case in cases for which in ("firing", "quiet")]
    content = {
        "rule_files": [str(folder / name) for name in RULE_FILES],
        "evaluation_interval": "1m",
        # What is recorded is read by rules of the same moment.
        "group_eval_order": [group for name in RULE_FILES for group in _groups(folder / name)],
        "tests": [test for case in cases for test in _tests(case, folder)],
    }
    path = scratch / "rules.test.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    ran = promtool("test", "rules", path)
    found = _failures(ran.stdout + ran.stderr)
    if ran.returncode and not found:
        return dict.fromkeys(names, ran.stderr)
    return {name: found.get(name, "") for name in names}


def _groups(path: Path) -> list[str]:
    groups = yaml.load(path.read_text(), Loader=_Loader)["groups"]
    return [group["name"] for group in groups]


def _tests(case: Case, folder: Path) -> Iterator[dict[str, Any]]:
    labels = {"environment": folder.parent.name, **case.labels}
    annotations = {
        "summary": case.summary,
        "description": case.description,
        "runbook": f"generated/docs/runbooks/{case.alert}.md",
    }
    alert = {"exp_labels": labels, "exp_annotations": annotations}
    for which, series, time, expected in (
        ("firing", case.fires, case.at, [alert]),
        ("quiet", case.quiet, case.quiet_at or case.at, []),
    ):
        yield {
            "name": f"{case.name}, {which}",
            "interval": "1m",
            "input_series": [{"series": key, "values": values} for key, values in series.items()],
            "alert_rule_test": [
                {"eval_time": time, "alertname": case.alert, "exp_alerts": expected}
            ],
        }


def _failures(text: str) -> dict[str, str]:
    parts = re.split(r"^\s*name: (.*),$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
