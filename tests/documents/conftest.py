"""What all tests of documents share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents.rendering import CASE, documents_of
from tests.node_packages import install_program


@pytest.fixture(scope="session")
def documents() -> dict[str, str]:
    """The documents of the small project."""
    return documents_of(CASE)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs of this one, and their packages."""
    folder = tmp_path_factory.mktemp("node")
    install_program(Path(__file__).with_name("node"), folder)
    return folder
