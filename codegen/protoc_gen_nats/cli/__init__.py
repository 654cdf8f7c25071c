"""The command line `protonats`, one module for each command."""

from __future__ import annotations

import click

from protoc_gen_nats import __version__
from protoc_gen_nats.cli.check import check
from protoc_gen_nats.cli.dlq import dlq
from protoc_gen_nats.cli.generate import generate
from protoc_gen_nats.cli.includes import includes

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="protonats")
def main() -> None:
    """Typed NATS services from protobuf schemas.

    \b
    Exit codes: 0 done
                1 drift, or a schema, the manifest or some other file is wrong
                2 wrong use of this command line
    """


for command in (generate, check, includes, dlq):
    main.add_command(command)
