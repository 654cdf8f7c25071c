"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from protonats.testing import EmbeddedNats


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    """A server that the test may stop."""
    with EmbeddedNats(jetstream=True) as server:
        yield server


@pytest.fixture
def small_nats() -> Iterator[EmbeddedNats]:
    """A server that takes messages up to 16 KiB."""
    with EmbeddedNats(config="max_payload: 16KB") as server:
        yield server
