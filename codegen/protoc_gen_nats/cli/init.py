"""`protonats init`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from protoc_gen_nats.cli.common import json_option, print_json, reports_errors

__all__ = ["init"]


@click.command()
@click.argument(
    "folder",
    metavar="[DIR]",
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--name", help="What its first service is called. Default: the folder's name.")
@click.option(
    "--package", help="The package of its schema, such as acme.shop. Default: the service's name."
)
@json_option
@reports_errors
def init(folder: Path, name: str | None, package: str | None, as_json: bool) -> None:
    """Begin a project: a schema, a service that works, and its test.

    No file is overwritten. The folder is made if it does not exist.

    \b
    Examples:
      protonats init shop
      protonats init shop --package acme.shop
      protonats init . --name order_book
    """
    # Loaded here: `protonats --help` needs none of it.
    from protoc_gen_nats.starting.names import service_names
    from protoc_gen_nats.starting.project import start_project

    names = service_names(name or folder.resolve().name, package)
    written = start_project(folder, names)
    if as_json:
        print_json({"folder": str(folder), "written": written, "service": names.service})
        return
    for path in written:
        click.echo(f"{click.style('   wrote', fg='green')}  {os.path.join(folder, path)}")
    click.echo("\nNext:")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {folder}")
    click.echo("  protonats generate    # clients, servers and types from the schema")
    click.echo("  protonats dev         # runs NATS and the service, until Ctrl-C")
    click.echo("and in another terminal, in the same folder:")
    click.echo(f'  protonats call {names.name}.greet \'{{"name": "Ada"}}\' --wait')
