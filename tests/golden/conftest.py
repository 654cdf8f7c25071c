"""`pytest tests/golden --update-golden` writes what the generator does now into the cases."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite expected/ and error.txt of all cases"
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether cases are rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden", default=False))
