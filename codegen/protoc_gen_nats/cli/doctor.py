"""`protonats doctor`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from protoc_gen_nats.cli.common import json_option, print_json, reports_errors
from protoc_gen_nats.cli.connecting import advice_on, connection_options, over_nats
from protoc_gen_nats.cli.schemas import complete_services, nearest_project
from protoc_gen_nats.errors import UserError

if TYPE_CHECKING:
    from protoc_gen_nats.live.check_project import Found
    from protoc_gen_nats.live.findings import Finding
    from protonats.connection import Connection
    from protonats.settings import ConnectionSettings

__all__ = ["doctor"]

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "cyan"}


@click.command(short_help="Look for what is wrong, from this machine to permissions.")
@click.option(
    "--project",
    "-C",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project's folder. Default: the nearest one upwards with a protonats.yaml.",
)
@click.option(
    "--service",
    metavar="NAME",
    shell_complete=complete_services,
    help="The service whose rights this user should have. Default: NATS_NAME, or --name.",
)
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    metavar="N",
    help="Replicas of streams, in place of the plan's; 1 for a single server.",
)
@json_option
@reports_errors
@connection_options
def doctor(
    settings: ConnectionSettings,
    project: Path | None,
    service: str | None,
    replicas: int | None,
    as_json: bool,
) -> None:
    """Look for what is wrong with this machine, the project, the server and its permissions.

    Changes nothing. Each line that is not ok says what to do. With the login of a service
    (NATS_NAME and its credentials), what the service has to do is compared with what its user may
    do. Ends with exit code 1 if something does not work.

    \b
    Examples:
      protonats doctor
      NATS_NAME=quest NATS_CREDS=quest.creds protonats doctor
      protonats doctor --json | jq '.findings[] | select(.level == "fail")'
    """
    from protoc_gen_nats.live.check_project import Found, check_machine, check_project

    found = Found()
    folder = project or nearest_project()
    areas: dict[str, list[Finding]] = {}
    areas["machine"] = list(check_machine(os.environ))
    areas["project"] = list(check_project(folder, found))
    try:
        areas |= over_nats(
            settings,
            lambda c: _on_server(c, folder, found, service or settings.name, replicas),
        )
    except UserError as error:
        from protoc_gen_nats.live.findings import fail

        advice = advice_on(str(error))
        areas["server"] = [fail(str(error).removesuffix(f"; {advice}"), advice)]
    areas["redis"] = [_redis(found)]
    levels = Counter(one.level.value for findings in areas.values() for one in findings)
    if as_json:
        print_json({"healthy": not levels["fail"], "findings": _facts(areas)})
    else:
        _print(areas, levels)
    if levels["fail"]:
        sys.exit(1)


async def _on_server(
    connection: Connection,
    folder: Path | None,
    found: Found,
    service: str,
    replicas: int | None,
) -> dict[str, list[Finding]]:
    from protoc_gen_nats.live.check_server import (
        check_permissions,
        check_server,
        check_streams,
        user_info,
    )

    user = await user_info(connection)
    areas = {"server": [one async for one in check_server(connection, user)]}
    if folder is not None and found.schema is not None:
        areas["streams"] = [await check_streams(connection, folder, replicas)]
    areas["permissions"] = list(check_permissions(user, found, service))
    return areas


def _redis(found: Found) -> Finding:
    import asyncio

    from protoc_gen_nats.live.check_server import check_redis

    return asyncio.run(check_redis(os.environ.get("REDIS_URL") or None, found))


def _facts(areas: dict[str, list[Finding]]) -> list[dict[str, str]]:
    return [
        {"area": area, "level": one.level.value, "text": one.text, "advice": one.advice}
        for area, findings in areas.items()
        for one in findings
    ]


def _print(areas: dict[str, list[Finding]], levels: Counter[str]) -> None:
    for area, findings in areas.items():
        click.echo(click.style(area, bold=True))
        for one in findings:
            level = one.level.value
            click.echo(f"  {click.style(level.ljust(4), fg=_COLOURS[level])}  {one.text}")
            if one.advice:
                click.echo(f"        → {one.advice}")
    click.echo(", ".join(f"{levels[level]} {level}" for level in _COLOURS if levels[level]) + ".")
