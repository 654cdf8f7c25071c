"""The queries and panels that dashboards have in common."""

from __future__ import annotations

from protoc_gen_nats.targets.monitoring.panels import Panel, Query

__all__ = ["WINDOW", "rate", "stat", "total"]

WINDOW = "$__rate_interval"
"""Grafana's own choice of a window, by what is shown."""


def stat(title: str, expr: str, unit: str, *limits: tuple[float, str]) -> Panel:
    """One number of now."""
    return Panel(
        title=title,
        kind="stat",
        width=4,
        height=4,
        unit=unit,
        limits=limits,
        queries=(Query(expr, title),),
    )


def rate(metric: str, by: str, matchers: str = "", text: str = "") -> Query:
    """How fast a counter grows.

    Args:
        metric: The counter.
        by: The labels that are told apart, separated by commas.
        matchers: What is counted, `app="quest"`.
        text: What stands behind the labels in the legend.
    """
    grows = f"rate({_selected(metric, matchers)}[{WINDOW}])"
    return Query(f"sum by ({by}) ({grows})", _legend(by, text))


def total(metric: str, by: str, matchers: str = "", text: str = "") -> Query:
    """The sum of a gauge. The arguments are those of `rate`."""
    return Query(f"sum by ({by}) ({_selected(metric, matchers)})", _legend(by, text))


def _selected(metric: str, matchers: str) -> str:
    return f"{metric}{{{matchers}}}" if matchers else metric


def _legend(by: str, text: str) -> str:
    labels = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return f"{labels} {text}".strip()
