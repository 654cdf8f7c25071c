"""`protonats describe`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protoc_gen_nats.cli.common import counted, json_option, print_json, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats, timeout_option
from protoc_gen_nats.cli.schemas import complete_names, find_schemas, schema_option
from protoc_gen_nats.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from protoc_gen_nats.live.schemas import Schemas
    from protonats._asking import Answered
    from protonats.settings import ConnectionSettings

__all__ = ["describe"]

_WORD = re.compile(r"^( *)(service|rpc|message|event|enum|oneof)\b")


@click.command(short_help="Describe a service, method, message, enum or event.")
@click.argument("name", default="", shell_complete=complete_names)
@click.option("--live", is_flag=True, help="Ask the instances, also where there are schemas.")
@timeout_option
@schema_option
@json_option
@reports_errors
@connection_options
def describe(
    settings: ConnectionSettings,
    name: str,
    live: bool,
    timeout: float,
    schema: Path | None,
    as_json: bool,
) -> None:
    """Describe a service, method, message, enum or event: fields, subjects, policies, comments.

    Without a NAME, everything there is to describe. Without schemas, or with --live, the instances
    of the service NAME are asked what they serve; they know the names of messages, not their
    fields.

    \b
    Examples:
      protonats describe
      protonats describe quest.generate_quest
      protonats describe acme.v1.QuestGenerated
      protonats describe quest --live
    """
    schemas = None if live else find_schemas(schema)
    if schemas is None:
        _describe_live(settings, name, timeout, as_json)
    elif not name:
        _list(schemas, as_json)
    else:
        from protoc_gen_nats.live.describing import facts_of, lines_of

        thing = schemas.find(name)
        if as_json:
            print_json(facts_of(schemas, thing))
        else:
            _print(lines_of(schemas, thing))


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        if line.lstrip().startswith("//"):
            click.echo(click.style(line, fg="green"))
        else:
            click.echo(_WORD.sub(lambda match: match[1] + click.style(match[2], bold=True), line))


def _list(schemas: Schemas, as_json: bool) -> None:
    from protoc_gen_nats.live.tables import table_text

    rows = [
        *(("service", one.full_name, one.description) for one in schemas.services),
        *(
            ("method", one.full_name, one.comment)
            for service in schemas.services
            for one in service.methods
        ),
        *(("event", one.ref.full_name, one.comment) for one in schemas.events),
    ]
    shown = [(kind, name, text.partition("\n")[0]) for kind, name, text in rows]
    if as_json:
        print_json([{"kind": k, "full_name": name, "comment": text} for k, name, text in shown])
    else:
        click.echo(table_text(("kind", "name", "what it does"), shown), nl=False)


def _describe_live(settings: ConnectionSettings, name: str, timeout: float, as_json: bool) -> None:
    from protonats._asking import ask

    found = over_nats(settings, lambda connection: ask(connection, "INFO", timeout=timeout))
    wanted = [one for one in found if name in ("", one.name, one.full_name)]
    if not wanted and not found:
        raise UserError.of("no service answers, and there are no schemas: see --schema")
    if not wanted:
        near = did_you_mean(name, {one.name for one in found})
        raise UserError.of(f"no instance of {name} answers: {near}; for schemas see --schema")
    # Instances of one version serve the same.
    kinds = {(one.name, one.version): one for one in wanted}
    counts = {key: sum((o.name, o.version) == key for o in wanted) for key in kinds}
    if as_json:
        print_json([_facts(one, counts[key]) for key, one in kinds.items()])
        return
    for number, (key, one) in enumerate(kinds.items()):
        if number:
            click.echo()
        _print(_live_lines(one, counts[key]))


def _facts(one: Answered, instances: int) -> dict[str, Any]:
    known = {key: value for key, value in one.said.items() if key not in ("id", "type")}
    return {**known, "instances": instances}


def _live_lines(one: Answered, instances: int) -> Iterator[str]:
    if description := one.said.get("description"):
        yield f"// {description}"
    yield f"service {one.full_name or one.name}"
    yield f"  {one.name} {one.version}, {counted(instances, 'instance')}"
    for endpoint in one.endpoints:
        about = endpoint.get("metadata") or {}
        kind = str(about.get("protonats.kind", ""))
        request = str(about.get("protonats.request", "…"))
        response = str(about.get("protonats.response", "…"))
        sent = f"stream {request}" if kind in ("client_stream", "bidi_stream") else request
        returned = f"stream {response}" if kind in ("server_stream", "bidi_stream") else response
        yield ""
        yield f"  rpc {endpoint.get('name')}({sent}) returns ({returned})"
        yield f"    subject  {endpoint.get('subject')}"
