"""The queries of the generated rules and dashboards, and the metrics that they read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.platform.tools import ROOT

__all__ = ["metrics_in", "panel_queries", "panels_in", "recorded", "rule_queries", "rules_in"]

_PRODUCTION = ROOT / "generated" / "deploy" / "production"
_RULE_FILES = ("rules.yaml", "alerts.yaml", "slo.yaml")

_TEXT = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_WINDOW = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"(?<![\w:.])[A-Za-z_:][\w:]*")
_WORDS = {"and", "bool", "by", "or", "offset", "unless", "inf", "nan"}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def metrics_in(query: str) -> set[str]:
    """The names of the metrics that a query reads."""
    for pattern in (_TEXT, _MATCHERS, _LABELS, _WINDOW):
        query = pattern.sub(" ", query)
    found = set()
    for match in _NAME.finditer(query):
        called = query[match.end() :].lstrip().startswith("(")
        if not called and match[0].lower() not in _WORDS:
            found.add(match[0])
    return found


def rules_in(folder: Path) -> Iterator[dict[str, Any]]:
    """All rules of an environment, alerts and what is recorded."""
    for name in _RULE_FILES:
        for group in yaml.load((folder / name).read_text(), Loader=_Loader)["groups"]:
            yield from group["rules"]


def rule_queries() -> list[tuple[str, str]]:
    """Every rule in production, with its query."""
    rules = rules_in(_PRODUCTION / "prometheus")
    return [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules]


@cache
def recorded() -> frozenset[str]:
    """What rules record in production."""
    rules = rules_in(_PRODUCTION / "prometheus")
    return frozenset(rule["record"] for rule in rules if "record" in rule)


def panels_in(path: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard, without the titles of its rows."""
    panels = json.loads(path.read_text())["panels"]
    return [panel for panel in panels if panel["type"] != "row"]


def panel_queries(folder: Path = _PRODUCTION / "grafana") -> list[tuple[str, str]]:
    """Every panel of an environment, with each of its queries as Prometheus gets it when all
    instances are shown."""
    return [
        (f"{path.stem}: {panel['title']}", _all_instances(target["expr"]))
        for path in sorted(folder.glob("*.json"))
        for panel in panels_in(path)
        for target in panel["targets"]
    ]


def _all_instances(query: str) -> str:
    return query.replace("$__rate_interval", "5m").replace("$instance", ".*")
