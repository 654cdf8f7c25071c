"""The Node program, installed once for all tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protonats.testing import EmbeddedNats
from tests.interop.node import Node, install, node, write_schemas


@pytest.fixture(scope="session")
def main(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program's main file, with its packages and schemas beside it."""
    folder = tmp_path_factory.mktemp("node")
    write_schemas(folder / "schemas.binpb")
    return install(folder)


@pytest.fixture
async def caller(main: Path, nats: EmbeddedNats) -> AsyncIterator[Node]:
    """A running program that is connected to the server of all tests."""
    async with node(main, nats.url) as program:
        yield program
