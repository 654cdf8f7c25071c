"""Which rules dashboards have to keep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.platform.monitoring.expressions import panel_queries, panels_in
from tests.platform.monitoring.known_metrics import unknown_metrics
from tests.platform.monitoring.rule_checks import promtool

__all__ = ["problems_of_dashboards"]

_COLUMNS = 24
_UNITS = {"Bps", "bytes", "cps", "percentunit", "reqps", "s", "short"}
_LONGEST_UID = 40


def problems_of_dashboards(folder: Path, recorded: frozenset[str], scratch: Path) -> list[str]:
    """What is wrong with the dashboards of an environment.

    Args:
        folder: Where they are.
        recorded: What rules record.
        scratch: Where the queries are written to, for promtool.
    """
    queries = panel_queries(folder)
    return [
        *_unreadable(queries, scratch),
        *_unknown(queries, recorded),
        *(problem for path in sorted(folder.glob("*.json")) for problem in _drawn(path)),
        *_alike(folder),
    ]


def _unreadable(queries: Sequence[tuple[str, str]], scratch: Path) -> Iterator[str]:
    """Queries that Prometheus cannot parse. promtool names the rule that has one."""
    rules = [{"record": f"query:{index}", "expr": q} for index, (_, q) in enumerate(queries)]
    path = scratch / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}, width=10_000))
    checked = promtool("check", "rules", "--lint=none", path)
    if checked.returncode:
        yield f"promtool: {checked.stdout}{checked.stderr}"


def _unknown(queries: Sequence[tuple[str, str]], recorded: frozenset[str]) -> Iterator[str]:
    for panel, query in queries:
        for metric in unknown_metrics(query, recorded):
            yield f"{panel} reads {metric}, which nobody tells"


def _drawn(path: Path) -> Iterator[str]:
    """What is wrong with how it is drawn."""
    panels = json.loads(path.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        if cells & taken:
            yield f"{path.stem}: {panel['title']} lies on another panel"
        if place["x"] + place["w"] > _COLUMNS:
            yield f"{path.stem}: {panel['title']} is too wide"
        taken |= cells
    if len({panel["id"] for panel in panels}) < len(panels):
        yield f"{path.stem} has panels with the same id"
    for panel in panels_in(path):
        yield from (f"{path.stem}: {panel['title']} {text}" for text in _wrong(panel))


def _wrong(panel: dict[str, Any]) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["unit"] not in _UNITS:
        yield f"has the unit {defaults['unit']}"
    if panel["datasource"]["uid"] != "${datasource}":
        yield "does not read the environment that is chosen"
    if panel["type"] == "timeseries" and not all(t["legendFormat"] for t in panel["targets"]):
        yield "has a query without a legend"
    values = [step["value"] for step in defaults["thresholds"]["steps"]]
    if values[0] is not None or values[1:] != sorted(values[1:]):
        yield "has thresholds in disorder"


def _alike(folder: Path) -> Iterator[str]:
    """Dashboards that Grafana would take for the same."""
    seen: set[str] = set()
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        for name in (content["uid"], content["title"]):
            if name in seen:
                yield f"{path.stem} is called like another dashboard"
            seen.add(name)
        if len(content["uid"]) > _LONGEST_UID:
            yield f"{path.stem} has too long a uid"
