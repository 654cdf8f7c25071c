"""A shop whose service runs, for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from protonats.testing import EmbeddedNats
from tests.functional.live.orders import Shop, orders


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop; tests that make streams delete them."""
    folder = tmp_path_factory.mktemp("shop")
    with EmbeddedNats(jetstream=True) as nats, orders(folder, nats) as shop:
        yield shop
