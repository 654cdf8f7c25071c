"""`protonats new`."""

from __future__ import annotations

from dataclasses import asdict

import click

from protoc_gen_nats.cli.common import json_option, print_json, project_option, reports_errors
from protoc_gen_nats.project.project import Project

__all__ = ["new"]


@click.group()
def new() -> None:
    """Add a service or an event to the schemas.

    \b
    Examples:
      protonats new service billing
      protonats new event InvoicePaid --service billing
    """


@new.command()
@click.argument("name")
@click.option("--package", help="Its package. Default: beside those of the other schemas.")
@project_option
@json_option
@reports_errors
def service(name: str, package: str | None, project: Project, as_json: bool) -> None:
    """Begin the schema of a service.

    A schema that exists is not overwritten.

    \b
    Examples:
      protonats new service billing
      protonats new service billing --package acme.billing.v2
    """
    # Loaded here: `protonats --help` needs none of it.
    from protoc_gen_nats.starting.schemas import start_service

    path, names = start_service(project, name, package)
    if as_json:
        print_json({"path": path, "service": f"{names.package}.{names.service}"})
        return
    click.echo(f"{click.style('   wrote', fg='green')}  {path}")
    click.echo("\nNext:")
    click.echo(f"  edit {path}")
    click.echo(f"  protonats generate    # begins services/{names.directory}/service.py")


@new.command()
@click.argument("name")
@click.option("--service", "owner", required=True, help="The service that publishes it.")
@project_option
@json_option
@reports_errors
def event(name: str, owner: str, project: Project, as_json: bool) -> None:
    """Add an event to the schema of a service.

    \b
    Examples:
      protonats new event InvoicePaid --service billing
    """
    # Loaded here: `protonats --help` needs none of it.
    from protoc_gen_nats.starting.schemas import start_event

    added = start_event(project, name, owner)
    if as_json:
        print_json(asdict(added))
        return
    click.echo(f"{click.style(' changed', fg='green')}  {added.path}")
    click.echo("\nNext:")
    click.echo(f"  edit {added.path}    # what {name} says, at its end")
    if added.stream is None:
        pattern = f"{added.subject.rsplit('.', 2)[0]}.>"
        stream = f"{added.subject.split('.')[-3].upper()}_EVENTS"
        click.echo(f"  edit protonats.yaml, as no stream stores {added.subject}.*:")
        click.echo(f"      streams:\n        {stream}:\n          subjects: [{pattern}]")
    click.echo("  protonats generate")
