"""Dashboards of Grafana, made of rows of panels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Dashboard", "Panel", "Query", "Row", "Variable", "panel_rows"]

_COLUMNS = 24
_SCHEMA = 39
_json = json.JSONEncoder(ensure_ascii=False).encode
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel."""

    expr: str
    legend: str
    """With labels as `{{method}}`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One picture."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    """As Grafana calls it: `reqps`, `percentunit`, `s`, `bytes`, `short`."""

    description: str = ""
    kind: str = "timeseries"
    """`timeseries`, `stat` or `table`."""

    width: int = 8
    """Of 24."""

    height: int = 8
    limits: tuple[tuple[float, str], ...] = ()
    """Above each value, its color: `(0.05, "red")`. Below the first one it is green."""

    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a title."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the dashboard: the values of a label."""

    name: str
    title: str
    query: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dashboard:
    """All of a dashboard but its panels, which may be shared by several."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    variables: tuple[Variable, ...] = ()

    def text(self, panels: Sequence[str]) -> bytes:
        """The dashboard as JSON, a line for each panel.

        Args:
            panels: Those of `panel_rows`.
        """
        head = {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": list(self.tags),
            "schemaVersion": _SCHEMA,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "templating": {"list": [_source(), *map(_variable, self.variables)]},
            "links": [_link()],
        }
        lines = [f"  {_json(name)}: {_json(value)}," for name, value in head.items()]
        listed = ",\n".join(f"    {panel}" for panel in panels)
        return "\n".join(("{", *lines, '  "panels": [', listed, "  ]", "}", "")).encode()


def panel_rows(rows: Sequence[Row]) -> list[str]:
    """The panels of a dashboard as JSON, each with its place."""
    return [_json(value) for value in _placed(rows)]


def _placed(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Panels from left to right, and from the top down."""
    number, top = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                top, left, height = top + height, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield {"id": number, **_panel(panel), "gridPos": place}
            left += panel.width
            height = max(height, panel.height)
        top += height


def _panel(panel: Panel) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    steps: list[dict[str, Any]] = [{"value": None, "color": "green"}]
    steps += [{"value": value, "color": color} for value, color in panel.limits]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "expr": query.expr,
                "legendFormat": query.legend,
                **({"instant": True, "range": False} if instant else {}),
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": _drawing(panel),
            },
            "overrides": [],
        },
        "options": _options(panel.kind),
    }


def _drawing(panel: Panel) -> dict[str, Any]:
    if panel.kind != "timeseries":
        return {}
    return {
        "lineWidth": 1,
        "fillOpacity": 30 if panel.stacked else 5,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.stacked else "none"},
        "thresholdsStyle": {"mode": "line" if panel.limits else "off"},
    }


def _options(kind: str) -> dict[str, Any]:
    if kind == "timeseries":
        legend = {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    if kind == "stat":
        reduced = {"calcs": ["lastNotNull"]}
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none"}
    return {"showHeader": True, "cellHeight": "sm"}


def _source() -> dict[str, Any]:
    """Each environment has a Prometheus of its own."""
    return {
        "name": "datasource",
        "label": "Environment",
        "type": "datasource",
        "query": "prometheus",
    }


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "label": variable.title,
        "type": "query",
        "datasource": _SOURCE,
        "query": variable.query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
    }


def _link() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "Other dashboards",
        "tags": ["protonats"],
        "asDropdown": True,
        "keepTime": True,
        "includeVars": True,
    }
