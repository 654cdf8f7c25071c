"""How the checks of the platform run: not in `make test`, and some of them beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.platform.images.base import Store
from tests.platform.images.building import Built, build_all

_HERE = Path(__file__).parent

_LONGEST = ("images", "compose", "node", "terraform")
"""The folders whose tests begin first: the others fit beside them."""

_SHARED = {"node": "node", "images": "images", "compose": "images"}
"""Folders whose tests share a cluster, or the images that are built for them, and its name."""

_ALONE = (
    *("test_files.py", "test_sent.py", "test_twins.py"),
    *("test_dockerfiles.py", "test_compose_file.py"),
)
"""The tests in these folders that need neither."""

_ROOT = re.compile(r"[\[-](dev|staging|production)[-\]]")

_SECONDS = 600
"""How long a test may take with the servers, images and machines that it is the first to need."""


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leaves them out where they are not asked for by name: they need what `make test` does not."""
    start = config.invocation_params.dir
    named = [(start / argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(_HERE in (path, *path.parents) for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives them more time than others have, and those that take it the first places."""
    for item in items:
        if _HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_SECONDS))
    items.sort(key=lambda item: item.path.parent.name not in _LONGEST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what tests recorded to be told."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(text))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """One process for those that share servers, machines or a root of Terraform."""
    return _Shared(config, log)


class _Shared(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        *_, folder, name = file.split("/")
        if folder in _SHARED and name not in _ALONE:
            return _SHARED[folder]
        if folder == "terraform" and (root := _ROOT.search(nodeid)):
            return f"{folder} {root[1]}"
        return file


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """A place for images and containers, which is empty and removed at the end."""
    with Store() as store:
        yield store


@pytest.fixture(scope="session")
def images(store: Store) -> Mapping[str, Built]:
    """All images that are generated, by name."""
    return build_all(store)
