"""`protonats streams`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from protoc_gen_nats.cli.common import counted, json_option, print_json, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats
from protoc_gen_nats.cli.schemas import nearest_project
from protoc_gen_nats.errors import Place, UserError

if TYPE_CHECKING:
    from protoc_gen_nats.live.stream_plan import Comparison
    from protonats.connection import Connection
    from protonats.provision import Change as Done
    from protonats.settings import ConnectionSettings

__all__ = ["streams"]

_SIGNS: Final = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "recreate": ("±", "red"),
    "delete": ("-", "red"),
}
_plan_options: Final = (
    click.option(
        "--project",
        "-C",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The project's folder. Default: the nearest one upwards with a protonats.yaml.",
    ),
    click.option(
        "--plan",
        "plan_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A generated plan, deploy/nats/jetstream.json, in place of a project.",
    ),
    click.option(
        "--replicas",
        type=click.IntRange(min=1),
        metavar="N",
        help="Replicas of every stream and bucket, in place of the plan's; 1 for a single server.",
    ),
    click.option(
        "--delete",
        multiple=True,
        metavar="STREAM",
        help="Delete this stream, and create it anew if the plan has it; may be given several"
        " times.",
    ),
)


def _planned(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_plan_options):
        command = option(command)
    return command


@click.group(short_help="List streams, and bring them to what the project plans.")
def streams() -> None:
    """List streams, and bring streams, consumers and buckets to what the project plans.

    The plan follows from protonats.yaml and the schemas. What it does not name is left alone.

    \b
    Examples:
      protonats streams ls
      protonats streams plan
      protonats streams apply
    """


@streams.command()
@json_option
@reports_errors
@connection_options
def ls(settings: ConnectionSettings, as_json: bool) -> None:
    """List the streams of the server.

    \b
    Examples:
      protonats streams ls
      protonats streams ls --json | jq -r '.[] | select(.messages > 1000) | .name'
    """
    from protoc_gen_nats.live.tables import table_text
    from protoc_gen_nats.quantities import duration_text, size_text

    async def read(connection: Connection) -> list[Any]:
        return list(await connection.jetstream.streams_info())

    found = sorted(over_nats(settings, read), key=lambda info: str(info.config.name))
    rows = [
        {
            "name": info.config.name,
            "subjects": list(info.config.subjects or []),
            "messages": info.state.messages,
            "bytes": info.state.bytes,
            "consumers": info.state.consumer_count,
            "max_age_seconds": info.config.max_age or None,
            "replicas": info.config.num_replicas,
        }
        for info in found
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("There are no streams.")
    else:
        headers = ("stream", "messages", "size", "consumers", "max age", "replicas", "subjects")
        cells = [
            (
                row["name"],
                row["messages"],
                size_text(row["bytes"]),
                row["consumers"],
                duration_text(row["max_age_seconds"]) if row["max_age_seconds"] else "none",
                row["replicas"],
                " ".join(row["subjects"]),
            )
            for row in rows
        ]
        right = ("messages", "size", "consumers", "max age", "replicas")
        click.echo(table_text(headers, cells, right=right), nl=False)


@streams.command()
@_planned
@json_option
@reports_errors
@connection_options
def plan(
    settings: ConnectionSettings,
    project: Path | None,
    plan_file: Path | None,
    replicas: int | None,
    delete: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what `apply` would change, and change nothing.

    Ends with exit code 0 if there is nothing to do, and with 1 if there is.

    \b
    Examples:
      protonats streams plan
      protonats streams plan --replicas 1 --server nats://127.0.0.1:4222
      protonats streams plan --plan generated/deploy/nats/jetstream.json --json
    """
    from protoc_gen_nats.live.stream_plan import compare

    wanted = _plan(project, plan_file)
    found = over_nats(settings, lambda c: compare(c, wanted, replicas=replicas, delete=delete))
    if as_json:
        print_json(_facts(found))
    else:
        _print(found)
    if found.pending:
        sys.exit(1)


@streams.command()
@_planned
@click.option(
    "--allow-destructive", is_flag=True, help="Also make changes by which messages are lost."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
@reports_errors
@connection_options
def apply(
    settings: ConnectionSettings,
    project: Path | None,
    plan_file: Path | None,
    replicas: int | None,
    delete: tuple[str, ...],
    allow_destructive: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Create and change streams, consumers and buckets as planned.

    Shows the plan first, and asks. If anything would be lost by it (a subject that is removed, a
    limit below what is stored, another retention, a stream that is deleted), nothing is done
    without --allow-destructive.

    \b
    Examples:
      protonats streams apply
      protonats streams apply --yes --replicas 1
      protonats streams apply --delete OLD_EVENTS --allow-destructive
    """
    from protoc_gen_nats.live.stream_plan import compare

    wanted = _plan(project, plan_file)

    async def act(connection: Connection) -> tuple[Comparison, list[Done]]:
        from protonats import provision

        jetstream = connection.jetstream
        found = await compare(connection, wanted, replicas=replicas, delete=delete)
        if not as_json:
            _print(found)
        if not found.pending:
            return found, []
        _check(found, allow_destructive)
        _ask(found, yes)
        for name in delete:
            await jetstream.delete_stream(name)
        return found, list(await provision.apply(jetstream, wanted, replicas=replicas))

    found, done = over_nats(settings, act)
    changed = [one for one in done if one.action != "unchanged"]
    if as_json:
        facts = [{"kind": o.kind, "name": o.name, "action": o.action} for o in changed]
        print_json(_facts(found) | {"done": [*facts, *_deleted(found)]})
        return
    for name in (one["name"] for one in _deleted(found)):
        click.echo(f"deleted stream {name}")
    for one in changed:
        click.echo(f"{one.action} {one.kind} {one.name}")


def _deleted(found: Comparison) -> list[dict[str, str]]:
    gone = [one for one in found.changes if one.action in ("delete", "recreate")]
    return [{"kind": "stream", "name": one.name, "action": "deleted"} for one in gone]


def _plan(project: Path | None, file: Path | None) -> Mapping[str, Any]:
    """What is wanted: out of a generated file, else out of the manifest and the schemas."""
    if file is not None:
        try:
            read = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError.of(f"no JSON: {error}", Place(str(file))) from None
        if not isinstance(read, dict):
            raise UserError.of("no plan: write an object with streams", Place(str(file)))
        return read
    from protoc_gen_nats.live.plans import plan_of

    folder = project or nearest_project()
    if folder is None:
        raise click.UsageError("no project here: go there, or see --project and --plan")
    return plan_of(folder)


def _check(found: Comparison, allowed: bool) -> None:
    if stuck := [one for one in found.pending if one.impossible]:
        names = " ".join(f"--delete {one.name}" for one in stuck)
        raise UserError.of(
            f"the server cannot change {', '.join(one.name for one in stuck)} to what is planned:"
            f" leave the setting, or lose what is stored and create it anew with {names}"
        )
    if (lossy := [one.name for one in found.pending if one.losses]) and not allowed:
        raise UserError.of(
            f"something would be lost of {', '.join(lossy)}: nothing was changed; do it all the"
            " same with --allow-destructive"
        )


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def _ask(found: Comparison, yes: bool) -> None:
    if yes:
        return
    if not _somebody_is_there():
        raise UserError.of("nobody is there to be asked: apply with --yes")
    click.confirm(f"Apply {counted(len(found.pending), 'change')}?", abort=True)


def _facts(found: Comparison) -> dict[str, Any]:
    return {
        "changes": [
            {
                "kind": one.kind,
                "name": one.name,
                "action": one.action.value,
                "differences": [
                    {"setting": d.setting, "before": d.before, "after": d.after}
                    for d in one.differences
                ],
                "destructive": bool(one.losses or one.impossible),
                "losses": list(one.losses),
                "impossible": list(one.impossible),
            }
            for one in found.pending
        ],
        "unchanged": len(found.changes) - len(found.pending),
        "unplanned": list(found.unplanned),
    }


def _print(found: Comparison) -> None:
    from protoc_gen_nats.live.plan_text import change_lines

    for change in found.pending:
        sign, colour = _SIGNS[change.action.value]
        click.echo(click.style(f"{sign} {change.kind} {change.name}", fg=colour, bold=True))
        for line in change_lines(change):
            click.echo(line)
        for text in (*change.impossible, *change.losses):
            click.echo(click.style(f"    ! {text}", fg="red"))
    if found.unplanned:
        click.echo(f"Not planned, and left alone: {', '.join(found.unplanned)}.")
    if not found.pending:
        total = len(found.changes)
        click.echo(f"Nothing to do: streams, consumers and buckets are as planned, {total} in all.")
        return
    counts = [
        f"{number} to {name}"
        for name in _SIGNS
        if (number := sum(one.action == name for one in found.pending))
    ]
    unchanged = len(found.changes) - len(found.pending)
    click.echo(f"Plan: {', '.join(counts)}, {unchanged} as they are.")
