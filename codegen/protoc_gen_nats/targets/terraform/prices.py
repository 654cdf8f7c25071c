"""The price list: list prices on demand, as they were on its date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["PriceList", "price_list"]

_FILE = Path(__file__).with_name("prices.json")


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of one region. A price that is not known is None."""

    as_of: str
    currency: str
    hours_per_month: int
    discounts: Mapping[str, float]
    """Shares of the price that are saved, by what somebody does for it."""

    _region: Mapping[str, Any]

    def of(self, *keys: str) -> float | None:
        """The price at these keys: `("ec2", "m6i.large")`, by the hour."""
        value: Any = self._region
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, float) else None


def price_list(region: str) -> PriceList:
    """The prices of a region; of one that is not on the list, those that hold everywhere."""
    prices = _prices()
    return PriceList(
        prices["as_of"],
        prices["currency"],
        prices["hours_per_month"],
        prices["discounts"],
        {**prices["everywhere"], **prices["regions"].get(region, {})},
    )


@cache
def _prices() -> Mapping[str, Any]:
    prices: Mapping[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return prices
