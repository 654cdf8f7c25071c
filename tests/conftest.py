"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from protonats.testing import EmbeddedNats


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def nats() -> Iterator[EmbeddedNats]:
    """A nats-server that all tests share: none of them stops it."""
    with EmbeddedNats() as server:
        yield server
