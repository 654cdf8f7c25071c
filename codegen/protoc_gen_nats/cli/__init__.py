"""The command line `protonats`, one module for each command."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from protoc_gen_nats import __version__

__all__ = ["main"]

_COMMANDS: Final = {
    "check": "check",
    "dlq": "dlq",
    "generate": "generate",
    "includes": "includes",
}
"""The module of each command, which is imported when the command is used."""


class _Commands(click.Group):
    """Commands that cost nothing until they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"{__name__}.{_COMMANDS[cmd_name]}")
        command = getattr(module, _COMMANDS[cmd_name])
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="protonats")
def main() -> None:
    """Typed NATS services from protobuf schemas.

    \b
    Exit codes: 0 done
                1 drift, or a schema, the manifest or some other file is wrong
                2 wrong use of this command line
    """
