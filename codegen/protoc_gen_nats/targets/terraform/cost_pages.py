"""`deploy/<environment>/costs.json` and `costs.md`: the table of costs, for programs and people."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from protoc_gen_nats.files import GeneratedFile
from protoc_gen_nats.targets.json_documents import json_file
from protoc_gen_nats.targets.terraform.costs import ASSUMPTIONS, Costs, Item

__all__ = ["render"]

_BAR = 30
"""Characters of the longest bar."""


def render(costs: Costs) -> Iterator[GeneratedFile]:
    """Renders both."""
    folder = f"deploy/{costs.environment}"
    yield json_file(f"{folder}/costs.json", _value(costs))
    yield GeneratedFile(path=f"{folder}/costs.md", content=_page(costs).encode())


def _value(costs: Costs) -> dict[str, object]:
    return {
        "environment": costs.environment,
        "region": costs.region,
        "currency": costs.currency,
        "prices_as_of": costs.as_of,
        "assumptions": list(ASSUMPTIONS),
        "items": [_item(item) for item in costs.items],
        "month": round(costs.month, 2),
        "month_at_most": round(costs.month_at_most, 2),
        "savings": [{"what": s.what, "month": round(s.month, 2)} for s in costs.savings],
    }


def _item(item: Item) -> dict[str, object]:
    return {
        "group": item.group,
        "name": item.name,
        "count": round(item.count, 3),
        "unit": item.unit,
        "price": item.price,
        "hours": item.hours,
        "month": round(item.month, 2),
        "month_at_most": round(item.month_at_most, 2),
    }


def _page(costs: Costs) -> str:
    lines = [
        f"# Costs of {costs.environment}",
        "",
        f"{costs.currency} a month in {costs.region}, at list prices of {costs.as_of} and without"
        " discounts. Prices change: compare",
        "with the calculator of AWS before you decide by them. What is assumed:",
        "",
        *(f"- {text}" for text in ASSUMPTIONS),
        "",
        "| | count | price | a month | at most |",
        "|---|--:|--:|--:|--:|",
        *(_row(item) for item in costs.items),
        f"| **all** | | | **{costs.month:,.2f}** | **{costs.month_at_most:,.2f}** |",
        "",
        "```text",
        *_bars(costs),
        "```",
        "",
    ]
    if costs.savings:
        lines += [
            "What could be saved (not all together, as some are of the same item):",
            "",
            "| | a month |",
            "|---|--:|",
            *(f"| {saving.what} | {saving.month:,.2f} |" for saving in costs.savings),
            "",
        ]
    return "\n".join(lines)


def _row(item: Item) -> str:
    name = f"{item.group}: {item.name}"
    if item.price is None:
        return f"| {name} | {item.count:,g} | no price known | – | – |"
    price = f"{item.price:g} per {item.unit}"
    count = f"{round(item.count, 2):,g}"
    return f"| {name} | {count} | {price} | {item.month:,.2f} | {item.month_at_most:,.2f} |"


def _bars(costs: Costs) -> Iterator[str]:
    by_group = sorted(costs.items, key=lambda item: item.group)
    sums = {
        group: sum(item.month for item in items)
        for group, items in groupby(by_group, key=lambda item: item.group)
    }
    longest = max(*sums.values(), 1.0)
    for group, month in sorted(sums.items(), key=lambda pair: -pair[1]):
        bar = "█" * max(1, round(_BAR * month / longest))
        yield f"{group:<11}{month:>10,.2f}  {bar}"
