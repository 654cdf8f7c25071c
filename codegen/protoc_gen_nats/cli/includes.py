"""`protonats includes`."""

from __future__ import annotations

from pathlib import Path

import click

from protoc_gen_nats import includes as locations
from protoc_gen_nats.cli.common import reports_errors
from protoc_gen_nats.errors import UserError

__all__ = ["includes"]


@click.command(short_help="Print the flags with which protoc finds imports.")
@click.option(
    "--export",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Copy protonats/v1/options.proto and the manifest's JSON Schema to this folder instead.",
)
@reports_errors
def includes(folder: Path | None) -> None:
    """Print the flags with which any protoc finds the imported schemas.

    These are protonats/v1/options.proto, google/api and buf/validate. What is exported is a module
    of a buf workspace, and completes protonats.yaml in an editor that finds in it the line
    `# yaml-language-server: $schema=third_party/protonats/protonats.schema.json`.

    \b
    Examples:
      protoc $(protonats includes) -I proto --nats_out=gen --python_out=gen proto/acme/v1/*.proto
      protonats includes --export third_party/protonats
    """
    if folder is None:
        flags = locations.flags()
        for flag in flags:
            if len(flag.split()) > 1:
                text = "a shell would split it at its white space: set XDG_CACHE_HOME to a path"
                raise UserError.of(f"{flag}: {text} without any")
        click.echo(" ".join(flags))
        return
    for path in locations.export(folder):
        click.echo(path)
