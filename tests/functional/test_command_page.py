"""The page of the command line is what the commands say of themselves, and they say enough."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from protoc_gen_nats.cli import main
from tests.projects import ROOT

CONTEXT = click.Context(main, info_name="protonats")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Each command with its name, and those below it."""
    waiting = [(name, main.get_command(CONTEXT, name)) for name in main.list_commands(CONTEXT)]
    for name, command in waiting:
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            waiting += [(f"{name} {one}", child) for one, child in command.commands.items()]


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("command_page", ROOT / "infra/command_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_repeats_every_help_text() -> None:
    module = writer()

    assert (
        module.PAGE.read_text(encoding="utf-8") == module.page()
    ), "write it again: python infra/command_page.py"


def test_the_readme_names_every_command() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]

    assert [
        one for one in main.list_commands(CONTEXT) if not any(f"`{one}`" in r for r in rows)
    ] == []


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_each_command_has_a_summary_and_examples(name: str, command: click.Command) -> None:
    result = CliRunner().invoke(main, [*name.split(), "--help"])

    assert result.exit_code == 0
    assert not command.get_short_help_str(85).endswith("..."), "write a shorter short_help"
    assert "Examples:" in result.output
    assert f"  protonats {name}" in result.output or name == "includes"


def test_wrong_use_ends_with_2() -> None:
    for arguments in (["nonsense"], ["check", "--nonsense"], ["init", "a", "b"]):
        assert CliRunner().invoke(main, arguments).exit_code == 2
