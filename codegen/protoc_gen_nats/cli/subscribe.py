"""`protonats subscribe`."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protoc_gen_nats.cli.common import counted, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats
from protoc_gen_nats.cli.moments import moment
from protoc_gen_nats.cli.readers import nobody_reads
from protoc_gen_nats.cli.schemas import complete_events, find_schemas, schema_option
from protoc_gen_nats.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from protoc_gen_nats.live.events import Received
    from protoc_gen_nats.live.schemas import Schemas
    from protonats.connection import Connection
    from protonats.settings import ConnectionSettings

__all__ = ["subscribe"]

_FIRST_TOKENS = ("evt", "work", "dlq", "audit", "svc", "$SRV", "$KV", "$JS")
"""What the subjects of a platform begin with."""


@click.command(short_help="Print events as they come, or stored ones.")
@click.argument("what", metavar="EVENT|SUBJECT", shell_complete=complete_events)
@click.option("--from-start", is_flag=True, help="Begin with the first event that is stored.")
@click.option(
    "--since",
    metavar="TIME",
    callback=moment,
    help="Begin with the first event that was stored in the last 10m, or since an ISO time.",
)
@click.option(
    "--last", type=click.IntRange(min=1), metavar="N", help="Begin with the last N stored events."
)
@click.option("--key", metavar="KEY", help="Only events with this key.")
@click.option("--stream", metavar="NAME", help="The stream. Default: found by the subject.")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after N events.")
@click.option("--no-wait", is_flag=True, help="End after the last stored event.")
@click.option("--body", "body_only", is_flag=True, help="Print the bodies alone.")
@schema_option
@reports_errors
@connection_options
def subscribe(
    settings: ConnectionSettings,
    what: str,
    from_start: bool,
    since: datetime | None,
    last: int | None,
    key: str | None,
    stream: str | None,
    count: int | None,
    no_wait: bool,
    body_only: bool,
    schema: Path | None,
) -> None:
    """Print events as they come, each as a line of JSON: when, where, which, and its body.

    EVENT is the full name of an event, or the last part of it; a SUBJECT may contain wildcards.
    What is published from now on is heard as it passes by. With --from-start, --since or --last
    stored events are read first, which takes nothing away from any consumer. Bodies of types that
    the schemas do not know are printed in hexadecimal digits. Ctrl-C ends it.

    \b
    Examples:
      protonats subscribe QuestGenerated
      protonats subscribe QuestGenerated --since 10m --no-wait | jq .body
      protonats subscribe QuestGenerated --last 1 --key q-17 --no-wait --body
      protonats subscribe 'evt.quest.>' --from-start --count 100
    """
    if from_start + (since is not None) + (last is not None) > 1:
        raise click.UsageError("write one of --from-start, --since and --last")
    from_stream = from_start or since is not None or last is not None
    if not from_stream and (no_wait or stream):
        option = "--no-wait" if no_wait else "--stream"
        raise click.UsageError(
            f"{option} is about stored events: add --from-start, --since or --last"
        )
    schemas = find_schemas(schema)
    subject = _subject(schemas, what, key)
    reading = _Reading(schemas, count, body_only)

    def events(connection: Connection) -> AsyncGenerator[Received, None]:
        from protoc_gen_nats.live.events import listen, stored

        if not from_stream:
            return listen(connection, subject)
        if last is not None:
            return _last_first(connection, subject, last, stream, follow=not no_wait)
        return stored(connection, subject, stream=stream, since=since, follow=not no_wait)

    over_nats(settings, lambda connection: reading.run(events(connection)))


def _subject(schemas: Schemas | None, what: str, key: str | None) -> str:
    """The subject to read, wildcards included."""
    event = schemas.event(what) if schemas else None
    if event is not None:
        if key is None:
            return event.filter_subject
        if event.key_field is None:
            raise UserError.of(f"{event.ref.full_name} has no key: leave --key out")
        return f"{event.subject}.{key}"
    tokens = what.split(".")
    if tokens[0] in _FIRST_TOKENS or "*" in tokens or tokens[-1] == ">":
        if key is not None:
            raise UserError.of("a subject says by itself which key: leave --key out")
        return what
    names = [event.ref.full_name for event in schemas.events] if schemas else []
    near = did_you_mean(what, names) if schemas else "events have names in schemas: see --schema"
    where = f" in {schemas.origin}" if schemas else ""
    raise UserError.of(f"no event {what!r}{where}, and no subject: {near}")


async def _cancel_unread(reading: asyncio.Task[None]) -> None:
    await nobody_reads()
    reading.cancel()


async def _last_first(
    connection: Connection, subject: str, count: int, stream: str | None, *, follow: bool
) -> AsyncGenerator[Received, None]:
    from protoc_gen_nats.live.events import last, stored

    found, behind = await last(connection, subject, count, stream=stream)
    for one in found:
        yield one
    if follow:
        news = stored(connection, subject, stream=stream, sequence=behind, follow=True)
        async for one in news:
            yield one


@dataclass(slots=True)
class _Reading:
    """What is printed, and what it comes to."""

    schemas: Schemas | None
    limit: int | None
    body_only: bool
    counts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    async def run(self, events: AsyncGenerator[Received, None]) -> None:
        """Prints events until there are enough, nobody reads them any more, or until Ctrl-C."""
        reading = asyncio.current_task()
        assert reading is not None
        watching = asyncio.create_task(_cancel_unread(reading))
        try:
            async with aclosing(events):
                async for event in events:
                    self._print(event)
                    if self.counts.total() == self.limit:
                        break
        except asyncio.CancelledError:
            # Ctrl-C is how it ends, or `| head`.
            pass
        finally:
            watching.cancel()
        self._sum_up()

    def _print(self, event: Received) -> None:
        facts = event.facts(self.schemas)
        self.counts[facts["event"] or facts["subject"]] += 1
        shown = facts.get("body", {"body_hex": facts.get("body_hex")}) if self.body_only else facts
        click.echo(json.dumps(shown, ensure_ascii=False))

    def _sum_up(self) -> None:
        seconds = time.monotonic() - self.started
        total = self.counts.total()
        click.echo(f"{counted(total, 'event')} in {seconds:.1f} s", err=True)
        if len(self.counts) > 1:
            width = len(str(max(self.counts.values())))
            for name, number in self.counts.most_common():
                click.echo(f"  {number:{width}}  {name}", err=True)
