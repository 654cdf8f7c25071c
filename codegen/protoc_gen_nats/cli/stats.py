"""`protonats stats`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from protoc_gen_nats.cli.common import counted, json_option, print_json, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats, timeout_option
from protoc_gen_nats.cli.requests import positive
from protoc_gen_nats.cli.schemas import complete_services

if TYPE_CHECKING:
    from protoc_gen_nats.live.statistics import Key, MethodStats, Snapshot
    from protonats.connection import Connection
    from protonats.settings import ConnectionSettings

__all__ = ["stats"]

_COLUMNS: Final[tuple[str, ...]] = (
    "service", "version", "method", "requests/s", "errors/s", "average", "requests", "errors",
)  # fmt: skip
"""Of the table of --watch."""


@click.command(short_help="Show requests, errors and times of each method.")
@click.argument("service", default="", shell_complete=complete_services)
@click.option("--watch", "-w", is_flag=True, help="Go on, and show what happens meanwhile.")
@click.option(
    "--interval",
    type=float,
    default=2.0,
    callback=positive,
    show_default=True,
    metavar="SECONDS",
    help="How often to look, with --watch.",
)
@timeout_option
@json_option
@reports_errors
@connection_options
def stats(
    settings: ConnectionSettings,
    service: str,
    watch: bool,
    interval: float,
    timeout: float,
    as_json: bool,
) -> None:
    """Show requests, errors and times of each method, since its instances started.

    With --watch, what happens from now on: in a terminal a table that is renewed, else one line for
    each interval, with --json as a JSON object. Ctrl-C ends it.

    \b
    Examples:
      protonats stats
      protonats stats quest --watch
      protonats stats --json | jq '.[] | select(.errors > 0)'
    """
    if not watch:
        found = over_nats(settings, lambda connection: _look(connection, service, timeout))
        _print(found, service, as_json)
        return
    over_nats(settings, lambda connection: _watch(connection, service, timeout, interval, as_json))


async def _look(connection: Connection, service: str, timeout: float) -> Snapshot:
    from protoc_gen_nats.live.statistics import snapshot
    from protonats._asking import ask

    answers = await ask(connection, "STATS", service=service, timeout=timeout)
    return snapshot(answers, time.monotonic())


def _print(found: Snapshot, service: str, as_json: bool) -> None:
    from protoc_gen_nats.live.statistics import summed
    from protoc_gen_nats.live.tables import table_text

    sums, instances = summed(found), found.instances
    if as_json:
        print_json([_facts(key, one, instances) for key, one in sorted(sums.items())])
    elif not sums:
        click.echo(f"No instance of {service} answers." if service else "No service answers.")
    else:
        headers = ("service", "version", "method", "requests", "errors", "average", "last error")
        rows = [
            (*key, one.requests, one.errors, _milliseconds(one), _status(one.last_error))
            for key, one in sorted(sums.items())
        ]
        right = ("requests", "errors", "average")
        click.echo(table_text(headers, rows, right=right), nl=False)


def _facts(
    key: Key, one: MethodStats, instances: dict[tuple[str, str], int], seconds: float | None = None
) -> dict[str, Any]:
    name, version, method = key
    facts: dict[str, Any] = {
        "service": name,
        "version": version,
        "instances": instances.get((name, version), 0),
        "method": method,
        "requests": one.requests,
        "errors": one.errors,
        "average_milliseconds": round(one.average * 1000, 3),
    }
    if seconds is not None:
        return facts | {"requests_per_second": round(one.requests / seconds, 3)}
    return facts | {"last_error": one.last_error}


def _milliseconds(one: MethodStats) -> str:
    return f"{one.average * 1000:.2f} ms" if one.requests else ""


def _status(last_error: str) -> str:
    """The last error as other commands show it: a code's name in place of its number."""
    from protonats.errors import Code

    number, colon, text = last_error.partition(":")
    try:
        return f"{Code(int(number)).name}{colon}{text}"
    except ValueError:
        return last_error


async def _watch(
    connection: Connection, service: str, timeout: float, interval: float, as_json: bool
) -> None:
    try:
        steps = _steps(connection, service, timeout, interval)
        if as_json or not sys.stdout.isatty():
            async for before, after in steps:
                click.echo(_line(before, after, as_json))
        else:
            await _watch_in_terminal(steps, service)
    except asyncio.CancelledError:
        # Ctrl-C is how it ends.
        return


async def _steps(
    connection: Connection, service: str, timeout: float, interval: float
) -> AsyncIterator[tuple[Snapshot, Snapshot]]:
    before = await _look(connection, service, timeout)
    due = time.monotonic()
    while True:
        due = max(due + interval, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
        after = await _look(connection, service, timeout)
        yield before, after
        before = after


def _line(before: Snapshot, after: Snapshot, as_json: bool) -> str:
    from protoc_gen_nats.live.statistics import MethodStats, between, summed

    step = between(before, after)
    moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    sums, instances = summed(step), after.instances
    if as_json:
        methods = [_facts(key, one, instances, step.at) for key, one in sorted(sums.items())]
        return json.dumps({"time": moment, "seconds": round(step.at, 3), "methods": methods})
    whole = sum(sums.values(), MethodStats())
    busiest = max(sums.items(), key=lambda item: item[1].requests, default=None)
    text = (
        f"{moment}  {counted(sum(instances.values()), 'instance')}"
        f"  {whole.requests / step.at:.1f} requests/s"
        f"  {whole.errors / step.at:.1f} errors/s  {whole.average * 1000:.2f} ms"
    )
    if busiest is not None and busiest[1].requests:
        text += f"  most {busiest[0][0]}.{busiest[0][2]}"
    return text


async def _watch_in_terminal(steps: AsyncIterator[tuple[Snapshot, Snapshot]], service: str) -> None:
    from rich.live import Live

    with Live(_waiting(service), auto_refresh=False, screen=False) as live:
        async for before, after in steps:
            live.update(_table(before, after, live.console.width), refresh=True)


def _waiting(service: str) -> Any:
    from rich.text import Text

    return Text(f"Looking at {service or 'all services'}; Ctrl-C ends it …", style="dim")


def _table(before: Snapshot, after: Snapshot, width: int) -> Any:
    from rich.table import Table
    from rich.text import Text

    from protoc_gen_nats.live.statistics import MethodStats, between, summed

    step = between(before, after)
    now, since_start, instances = summed(step), summed(after), after.instances
    moment = datetime.now().strftime("%H:%M:%S")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.title = f"{moment}  {counted(sum(instances.values()), 'instance')}; Ctrl-C ends it"
    table.title_justify, table.title_style = "left", ""
    rows, styles = [], []
    for key, whole in sorted(since_start.items()):
        one = now.get(key, MethodStats())
        styles.append("red" if one.errors else "" if one.requests else "dim")
        numbers = (f"{one.requests / step.at:.1f}", f"{one.errors / step.at:.1f}")
        sums = (_milliseconds(one), str(whole.requests), str(whole.errors))
        rows.append(dict(zip(_COLUMNS, (*key, *numbers, *sums), strict=True)))
    shown = _fitting(rows, width)
    for header in shown:
        names = header in _COLUMNS[:3]
        table.add_column(
            header, justify="left" if names else "right", no_wrap=True, overflow="ellipsis"
        )
    for row, style in zip(rows, styles, strict=True):
        table.add_row(*(Text(row[header]) for header in shown), style=style)
    return table


def _fitting(rows: list[dict[str, str]], width: int) -> list[str]:
    """The columns that a terminal has room for, without those that can be spared most."""
    shown: list[str] = list(_COLUMNS)
    for header in ("errors", "requests", "version", "average"):
        widths = (max(len(one), *(len(row[one]) for row in rows)) + 1 for one in shown if rows)
        if sum(widths) <= width:
            break
        shown.remove(header)
    return shown
