"""`protonats dev`."""

from __future__ import annotations

import asyncio
import os
from typing import Final
from urllib.parse import urlsplit

import click

from protoc_gen_nats.cli.common import project_option, reports_errors
from protoc_gen_nats.cli.schemas import complete_services
from protoc_gen_nats.project.project import Project

__all__ = ["dev"]

_HERE: Final = ("127.0.0.1", "localhost")
_PORT: Final = 4222


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=complete_services)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Where NATS listens on 127.0.0.1; 0 is a free port. Default: the port in NATS_URL, if that"
    " is on this machine, or 4222.",
)
@click.option("--redis", is_flag=True, help="Run a Redis as well.")
@project_option
@reports_errors
def dev(services: tuple[str, ...], port: int | None, redis: bool, project: Project) -> None:
    """Run NATS and the services while you work on them.

    Generates, starts an embedded NATS with the project's streams, and runs the services, all or
    those that are named, until Ctrl-C. When a schema changes it generates again; when that or code
    changes, the services start again. It needs `protonats[embedded]`.

    \b
    Examples:
      protonats dev
      protonats dev quest npc_behavior --redis
      protonats dev --port 0
    """
    # Loaded here: `protonats --help` needs none of it.
    from protoc_gen_nats.running.development import develop

    width = 0

    def say(name: str, text: str, is_problem: bool) -> None:
        nonlocal width
        width = max(width, len(name))
        click.echo(
            f"{click.style(name.rjust(max(width, 9)), fg='cyan')}  "
            f"{click.style(text, fg='red' if is_problem else None)}"
        )

    asyncio.run(
        develop(project, services, port=_port() if port is None else port, redis=redis, say=say)
    )


def _port() -> int:
    """The port where the clients of this shell look for NATS."""
    try:
        url = urlsplit(os.environ.get("NATS_URL", ""))
        return url.port if url.hostname in _HERE and url.port else _PORT
    except ValueError:  # no URL: whoever connects says so
        return _PORT
