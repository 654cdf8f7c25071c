"""`protonats ls`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protoc_gen_nats.cli.common import counted, json_option, print_json, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats, timeout_option
from protoc_gen_nats.cli.schemas import complete_services, require_schemas, schema_option

if TYPE_CHECKING:
    from protonats._asking import Answered
    from protonats.settings import ConnectionSettings

__all__ = ["ls"]


@click.command(short_help="List the services that run.")
@click.argument("service", default="", shell_complete=complete_services)
@click.option("--instances", "-i", is_flag=True, help="A line for each instance.")
@click.option(
    "--missing", "-m", is_flag=True, help="Also services of the schemas that nobody serves."
)
@timeout_option
@schema_option
@json_option
@reports_errors
@connection_options
def ls(
    settings: ConnectionSettings,
    service: str,
    instances: bool,
    missing: bool,
    timeout: float,
    schema: Path | None,
    as_json: bool,
) -> None:
    """List the services that run, or the instances of one SERVICE.

    Every service that can be discovered (ADR-32) is listed, also those that protonats did not make.

    \b
    Examples:
      protonats ls
      protonats ls quest --instances
      protonats ls --missing
      protonats ls --json | jq -r '.[] | select(.instances == 0) | .service'
    """
    from protonats._asking import ask

    known = require_schemas(schema).services if missing else ()
    found = over_nats(
        settings, lambda connection: ask(connection, "INFO", service=service, timeout=timeout)
    )
    if instances:
        _show_instances(found, as_json)
        return
    rows = _services(found)
    for one in known:
        if service in ("", one.name) and (one.name, one.full_name) not in {
            (row["service"], row["full_name"]) for row in rows
        }:
            rows.append(_row(one.name, one.version, one.domain, one.full_name, len(one.methods)))
    rows.sort(key=lambda row: (row["service"], row["version"]))
    if as_json:
        print_json(rows)
        return
    _print(rows, service)


def _row(name: str, version: str, domain: str, full_name: str, methods: int) -> dict[str, Any]:
    return {
        "service": name,
        "version": version,
        "instances": 0,
        "domain": domain,
        "methods": methods,
        "full_name": full_name,
    }


def _services(found: list[Answered]) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in found:
        row = rows.setdefault(
            (one.name, one.version, one.full_name),
            _row(one.name, one.version, _domain(one), one.full_name, len(one.endpoints)),
        )
        row["instances"] += 1
    return list(rows.values())


def _domain(one: Answered) -> str:
    groups = {str(endpoint.get("queue_group", "")) for endpoint in one.endpoints}
    return ", ".join(sorted(group.removeprefix("q.") for group in groups if group))


def _print(rows: list[dict[str, Any]], service: str) -> None:
    from protoc_gen_nats.live.tables import table_text

    if not rows:
        what = f"No instance of {service} answers." if service else "No service answers."
        click.echo(what)
        return
    headers = ("service", "version", "instances", "methods", "domain", "full name")
    keys = ("service", "version", "instances", "methods", "domain", "full_name")
    cells = [[row[key] for key in keys] for row in rows]
    click.echo(table_text(headers, cells, right=("instances", "methods")), nl=False)
    if dead := [row["service"] for row in rows if not row["instances"]]:
        click.echo(f"Nobody serves {', '.join(dead)}.")


def _show_instances(found: list[Answered], as_json: bool) -> None:
    from protoc_gen_nats.live.tables import table_text

    if as_json:
        print_json([one.said for one in found])
        return
    headers = ("service", "version", "instance", "full name")
    cells = [(one.name, one.version, one.instance, one.full_name) for one in found]
    if cells:
        click.echo(table_text(headers, cells), nl=False)
    click.echo(f"{counted(len(found), 'instance')}.")
