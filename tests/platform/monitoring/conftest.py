"""One chain for all: it takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.platform.monitoring.chain import Chain, running_chain


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """The platform with its monitoring, with nothing wrong."""
    with running_chain(tmp_path_factory.mktemp("chain")) as chain:
        yield chain
