"""Roots that were planned and applied once, for all tests that look at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform.terraform import roots
from tests.platform.terraform.provider_mirror import terraform_environment
from tests.platform.terraform.states import kept_in_memory


@pytest.fixture(scope="session")
def terraform_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that Terraform is run with."""
    with kept_in_memory() as address:
        variables = terraform_environment(tmp_path_factory.mktemp("provider"))
        yield variables | {"TF_HTTP_ADDRESS": address}


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the modules, as they are."""
    return roots.copied(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session", params=roots.ENVIRONMENTS)
def root(
    request: pytest.FixtureRequest, modules: Path, terraform_run: dict[str, str]
) -> roots.Root:
    """The root of each environment, made ready."""
    found = roots.environment_root(modules, request.param, terraform_run)
    found.init()
    return found


@pytest.fixture(scope="session")
def plan(root: roots.Root) -> dict[str, Any]:
    """Its plan."""
    return root.plan()


@pytest.fixture(scope="session")
def state(root: roots.Root, plan: dict[str, Any]) -> dict[str, Any]:
    """Its state once the plan was carried out."""
    return root.apply()


@pytest.fixture(scope="session")
def next_plan(root: roots.Root, state: dict[str, Any]) -> dict[str, Any]:
    """The plan that comes next, in which nothing is unknown."""
    assert state
    return root.plan()
