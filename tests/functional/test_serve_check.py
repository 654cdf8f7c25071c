"""`python -m protonats.serve --check`: whether an image holds all that its service needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from protonats._serving import validation
from protonats.serve import main
from tests.functional.processes import serve

pytestmark = pytest.mark.anyio


async def test_a_service_is_loaded_and_nothing_is_started() -> None:
    async with serve("--check", "Echo", NATS_URL="nats://127.0.0.1:1") as process:
        assert await process.exit_code() == 0
        (line,) = process.lines
        assert (line["event"], line["service"]) == ("loaded", "echo")


async def test_a_class_that_cannot_be_loaded_is_64(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_package")
    async with serve("--check", "broken:Quest", cwd=tmp_path) as process:
        assert await process.exit_code() == 64
        (text,) = process.events("error")
        assert text == "cannot import broken: No module named 'no_such_package'"


def test_rules_without_protovalidate_are_78(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "protovalidate", None)
    validation._validator.cache_clear()
    assert main(["--check", "services.payment.service:PaymentService"]) == 78
    assert "pip install 'protonats[validate]'" in capfd.readouterr().err
