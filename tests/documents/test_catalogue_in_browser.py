"""The catalogue in a Chromium, opened as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents.rendering import chromium, node

pytestmark = pytest.mark.network

LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 23, 27)"


def test_the_site_is_searched_and_switched(
    documents: dict[str, str], programs: Path, tmp_path: Path
) -> None:
    browser = chromium()
    for path, text in documents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    seen = node(programs / "browse.mjs", browser, tmp_path / "catalogue", tmp_path)

    assert seen["console"] == []
    assert set(seen["requests"]) <= {"file:", "data:"}
    assert seen["title"] == "Overview · shop"

    assert seen["found"] == ["OrderChanged"]
    assert seen["selected"] == "result-0"
    assert seen["followed"] == "services/order.html#type-OrderChanged"
    assert seen["heading"] == "OrderChanged"
    assert seen["byComment"] == ["OrderService"]
    assert seen["injected"] == 0
    assert seen["closed"] is True
    assert seen["nothing"] == "Nothing found for “nothing is called so”."

    assert (seen["light"], seen["dark"], seen["pressed"]) == (LIGHT, DARK, "true")
    assert (seen["darkElsewhere"], seen["lightAgain"]) == (DARK, LIGHT)
    assert (seen["remembered"], seen["preferred"]) == (LIGHT, DARK)

    assert seen["overflow"] == []
    assert seen["menu"] == "#navigation"
    assert seen["withoutScript"] == "services/order.html"
