"""`protonats deploy workflow`: the delivery's workflow, put where GitHub looks for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from tests.projects import ROOT, TestProject

CASE = ROOT / "tests/golden/cases/deployment"
WORKFLOW = ".github/workflows/delivery.yaml"


class Shop(TestProject):
    """A project that is deployed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(CASE / "proto", root / "proto")
        shutil.copy(CASE / "protonats.yaml", root)

    def make_repository(self, folder: Path) -> None:
        """Makes a folder a git repository."""
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)

    def install(self, *arguments: str) -> Result:
        """Runs `protonats deploy workflow`."""
        command = ["deploy", "workflow", "--project", str(self.root), *arguments]
        return CliRunner().invoke(main, command)

    def refused(self) -> str:
        """What it says when it ends with exit code 1."""
        result = self.install()
        assert (result.exit_code, result.stdout) == (1, "")
        return result.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def test_it_is_what_is_generated(shop: Shop) -> None:
    shop.make_repository(shop.root)
    shop.generate()

    first, second = shop.install(), shop.install()

    assert first.output == f"Wrote {WORKFLOW}.\n"
    assert second.output == f"Nothing to do: {WORKFLOW} is up to date.\n"
    assert shop.read(WORKFLOW) == shop.read("generated/deploy/delivery.yaml")


def test_one_of_before_is_replaced_when_nobody_edited_it(shop: Shop) -> None:
    shop.make_repository(shop.root)
    shop.replace("protonats.yaml", "region: eu-central-1", "region: eu-west-1")
    shop.install()
    old = shop.read(WORKFLOW)
    shop.replace("protonats.yaml", "region: eu-west-1", "region: eu-central-1")

    assert shop.install().output == f"Wrote {WORKFLOW}.\n"
    assert shop.read(WORKFLOW) != old


def test_one_that_was_edited_is_overwritten_by_force_alone(shop: Shop) -> None:
    shop.make_repository(shop.root)
    shop.install()
    generated = shop.read(WORKFLOW)
    edited = f"# Ours.\n{generated}"
    shop.write(WORKFLOW, edited)

    assert shop.refused() == (
        f"error: {WORKFLOW}: was edited by hand, and would be overwritten: move the edit to a"
        " workflow of its own, or overwrite it with --force\n"
    )
    assert shop.read(WORKFLOW) == edited
    assert shop.install("--force").exit_code == 0
    assert shop.read(WORKFLOW) == generated


def test_a_project_below_its_repository_calls_it_itself(shop: Shop, tmp_path: Path) -> None:
    shop.make_repository(tmp_path)

    assert shop.refused() == (
        f"error: {shop.root}: is not the root of its git repository, where GitHub looks for"
        " workflows: call what is in generated/deploy/delivery.yaml from one of your own\n"
    )
