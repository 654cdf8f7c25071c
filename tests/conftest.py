"""What all tests share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import platformdirs
import pytest
from hypothesis import HealthCheck, settings

from protonats.testing import EmbeddedNats

# How long an example takes says something about the machine, and nothing about the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own: the user's knows nothing of their projects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CACHE_DIR", str(platformdirs.user_cache_path("pip")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """What a program logs to goes with its test: it is the captured stderr."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in before:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def nats() -> Iterator[EmbeddedNats]:
    """A nats-server that all tests share: none of them stops it."""
    with EmbeddedNats() as server:
        yield server
