"""The generated configuration, served."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.platform.nats.installation import Installation, provision_as_deployer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One node with the accounts, users and permissions of production, and nothing in it."""
    folder = tmp_path_factory.mktemp("nats")
    with Installation(folder).standing_alone() as installation:
        yield installation


@pytest.fixture(scope="module")
def provisioned(server: Installation) -> Installation:
    """The same, with the streams, consumers and buckets that the deployer made."""
    asyncio.run(provision_as_deployer(server, replicas=1))
    return server
