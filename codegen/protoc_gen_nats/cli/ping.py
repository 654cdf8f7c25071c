"""`protonats ping`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from protoc_gen_nats.cli.common import counted, json_option, print_json, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats, timeout_option
from protoc_gen_nats.cli.schemas import complete_services

if TYPE_CHECKING:
    from protonats.settings import ConnectionSettings

__all__ = ["ping"]


@click.command(short_help="Show which instances answer, and how quickly.")
@click.argument("service", default="", shell_complete=complete_services)
@timeout_option
@json_option
@reports_errors
@connection_options
def ping(settings: ConnectionSettings, service: str, timeout: float, as_json: bool) -> None:
    """Show which instances answer, of all services or of one SERVICE, and how quickly.

    The time is that from here to the instance and back. Ends with exit code 1 if nobody answers.

    \b
    Examples:
      protonats ping
      protonats ping quest
      protonats ping quest --json | jq 'map(.milliseconds) | max'
    """
    from protoc_gen_nats.live.tables import table_text
    from protonats._asking import ask

    found = over_nats(
        settings, lambda connection: ask(connection, "PING", service=service, timeout=timeout)
    )
    if as_json:
        print_json(
            [
                {
                    "service": one.name,
                    "version": one.version,
                    "instance": one.instance,
                    "milliseconds": round(one.seconds * 1000, 3),
                }
                for one in found
            ]
        )
    elif found:
        rows = [(o.name, o.version, o.instance, f"{o.seconds * 1000:.2f} ms") for o in found]
        headers = ("service", "version", "instance", "time")
        click.echo(table_text(headers, rows, right=("time",)), nl=False)
        services = {(one.name, one.version) for one in found}
        click.echo(
            f"{counted(len(found), 'instance')} of {counted(len(services), 'service')} answered."
        )
    else:
        click.echo(f"No instance of {service} answers." if service else "No service answers.")
    if not found:
        sys.exit(1)
