"""`protonats publish`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protoc_gen_nats.cli.common import json_option, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats
from protoc_gen_nats.cli.requests import (
    check_requests,
    metadata_option,
    print_template,
    read_messages,
)
from protoc_gen_nats.cli.schemas import complete_events, require_schemas, schema_option
from protoc_gen_nats.errors import UserError

if TYPE_CHECKING:
    from protonats.connection import Connection
    from protonats.events import PublishAck
    from protonats.settings import ConnectionSettings

__all__ = ["publish"]


@click.command(short_help="Publish events.")
@click.argument("event", shell_complete=complete_events)
@click.argument("bodies", nargs=-1, metavar="[JSON]...")
@click.option("--template", is_flag=True, help="Print an event to fill in, and publish nothing.")
@click.option("--id", "event_id", metavar="ID", help="The event's id. Default: a random one.")
@metadata_option
@schema_option
@json_option
@reports_errors
@connection_options
def publish(
    settings: ConnectionSettings,
    event: str,
    bodies: tuple[str, ...],
    template: bool,
    event_id: str | None,
    metadata: dict[str, str],
    schema: Path | None,
    as_json: bool,
) -> None:
    """Publish an EVENT, or several: each JSON is one, and `-` reads one from each line of standard
    input.

    A durable event is published when its stream has stored it; the stream, its sequence there, and
    whether the stream had an event with this id already are shown. An event that is not durable is
    only sent.

    \b
    Examples:
      protonats publish acme.v1.QuestGenerated '{"quest_id": "q-1"}'
      protonats publish QuestGenerated --template > event.json
      protonats publish QuestGenerated --id import-17 '{"quest_id": "q-17"}'
      protonats publish QuestGenerated - < events.jsonl
    """
    schemas = require_schemas(schema)
    from protoc_gen_nats.live.infos import event_info

    found = schemas.known_event(event)
    info = event_info(schemas, found)
    if template:
        print_template(info.message)
        return
    if event_id is not None and (len(bodies) > 1 or "-" in bodies):
        raise click.UsageError("--id is the id of one event, and here are several")
    check_requests(bodies or ("{}",), many=True, what=found.ref.full_name)
    events = read_messages(bodies, info.message, schemas.pool, many=True, what="event")
    over_nats(settings, lambda c: _publish(c, info, events, metadata, event_id, as_json))


async def _publish(
    connection: Connection,
    info: Any,
    events: AsyncIterator[Any],
    metadata: dict[str, str],
    event_id: str | None,
    as_json: bool,
) -> None:
    from protonats.errors import StatusError
    from protonats.events import Publisher

    publisher = Publisher(connection)
    done = 0
    async for event in events:
        try:
            ack = await publisher._publish(info, event, metadata=metadata, event_id=event_id)
        except StatusError as error:
            before = f"; {done} before it were published" if done else ""
            raise UserError.of(f"{error}{before}") from None
        done += 1
        _show(ack, as_json)
    # What was only sent is with the server before the command ends.
    await connection._transport.barrier()


def _show(ack: PublishAck, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(ack._asdict()))
    elif ack.stream is None:
        click.echo(f"sent  id {ack.event_id}")
    elif ack.duplicate:
        click.echo(f"duplicate of {ack.stream} {ack.sequence}  id {ack.event_id}")
    else:
        click.echo(f"stored in {ack.stream} {ack.sequence}  id {ack.event_id}")
