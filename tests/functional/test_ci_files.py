"""What other programs read of this repository and its pages: hooks and pipelines."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import Any

import click
import pytest
import yaml

from protoc_gen_nats.cli import main
from tests.projects import ROOT

HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/guide-ci.md").read_text(encoding="utf-8")


def pipeline(path: str) -> Any:
    """A file that the page tells to write."""
    found = re.search(rf"^```yaml file={re.escape(path)}\n(.*?)^```$", PAGE, re.M | re.S)
    assert found, path
    return yaml.safe_load(found[1])


def understood(line: str) -> bool:
    """Whether the command line takes a command as it is written."""
    words = shlex.split(line)
    if words[0] != "protonats":
        return False
    context = click.Context(main, info_name="protonats")
    command = main.get_command(context, words[1])
    assert command is not None, line
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    assert {word for word in words[2:] if word.startswith("-")} <= known, line
    return True


def test_the_hooks_are_complete_and_their_commands_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "codegen" in extras["optional-dependencies"]
    assert [hook["id"] for hook in HOOKS] == ["protonats-check", "protonats-generate"]
    for hook in HOOKS:
        assert understood(hook["entry"])
        assert hook["language"] == "python"
        assert hook["additional_dependencies"] == [".[codegen]"]
        assert hook["pass_filenames"] is False


@pytest.mark.parametrize(
    ("path", "hooked"),
    [
        ("proto/acme/v1/acme.proto", ["protonats-check", "protonats-generate"]),
        ("protonats.yaml", ["protonats-check", "protonats-generate"]),
        ("generated/python/acme/v1/acme_pb2.py", ["protonats-check"]),
        ("protonats.lock", ["protonats-check"]),
        ("services/acme/service.py", []),
        ("docs/protonats.yaml.md", []),
    ],
)
def test_the_hooks_run_for_what_concerns_them(path: str, hooked: list[str]) -> None:
    assert [hook["id"] for hook in HOOKS if re.search(hook["files"], path)] == hooked


def test_the_page_uses_hooks_that_there_are() -> None:
    (repository,) = pipeline(".pre-commit-config.yaml")["repos"]

    assert {hook["id"] for hook in repository["hooks"]} == {hook["id"] for hook in HOOKS}


def test_the_pipelines_run_commands_that_there_are() -> None:
    github = pipeline(".github/workflows/schemas.yaml")
    (job,) = github["jobs"].values()
    steps = [step["run"] for step in job["steps"] if "run" in step]
    gitlab = pipeline(".gitlab-ci.yml")["schemas"]["script"]

    for lines in (steps, gitlab):
        assert len([line for line in lines if understood(line.replace("${{", "${"))]) == 2
    assert all("uses" in step or "run" in step for step in job["steps"])
