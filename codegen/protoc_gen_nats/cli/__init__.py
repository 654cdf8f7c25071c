"""The command line `protonats`, one module for each command."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from protoc_gen_nats import __version__
from protoc_gen_nats.errors import did_you_mean

__all__ = ["main"]

_COMMANDS: Final = {
    "A project": ("init", "new", "generate", "update", "dev"),
    "Changes": ("check", "diff", "breaking"),
    "Schemas": ("explain", "graph", "includes"),
    "Running services": ("call", "ls", "describe", "ping", "stats", "doctor"),
    "Events": ("publish", "subscribe", "streams", "dlq"),
    "Deployment": ("deploy", "wheels", "keys", "certs"),
    "This command line": ("completion",),
}
"""The commands by what they are for. Each has a module of its name, which is imported when the
command is used."""


class _Commands(click.Group):
    """Commands that cost nothing until they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in _COMMANDS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            near = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"there is no command {args[0]!r}: {near}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        for title, names in _COMMANDS.items():
            commands = [command for name in names if (command := self.get_command(ctx, name))]
            room = formatter.width - width - 4
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name.ljust(width), command.get_short_help_str(room))
                        for name, command in zip(names, commands, strict=True)
                    ]
                )


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="protonats")
def main() -> None:
    """Typed NATS services from protobuf schemas.

    \b
    Exit codes: 0 done
                1 something is wrong, and the text says what: drift, a schema, a server, a call
                2 wrong use of this command line
    """
