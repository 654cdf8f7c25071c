"""Writes the list of commands in docs/guide-command-line.md: `python infra/command_page.py`.

The help texts are the only place where a command is described; the page repeats them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from protoc_gen_nats.cli import main as protonats

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "guide-command-line.md"
_BEGIN = "## All commands\n"


def page() -> str:
    """The page, with what the commands say of themselves at its end."""
    text = PAGE.read_text(encoding="utf-8")
    return text[: text.index(_BEGIN)] + _BEGIN + "".join(_commands())


def _commands() -> Iterator[str]:
    context = _context(protonats, "protonats")
    for name in protonats.list_commands(context):
        command = protonats.get_command(context, name)
        assert command is not None
        yield from _command(command, f"protonats {name}")


def _command(command: click.Command, name: str) -> Iterator[str]:
    context = _context(command, name)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"\n### {name}\n\n```\n{inspect.cleandoc(text)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _command(found, f"{name} {child}")


def _context(command: click.Command, name: str) -> click.Context:
    settings = protonats.context_settings
    return click.Context(
        command,
        info_name=name,
        terminal_width=100,
        help_option_names=settings["help_option_names"],
    )


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
