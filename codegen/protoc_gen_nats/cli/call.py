"""`protonats call`."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protoc_gen_nats.cli.common import json_option, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats
from protoc_gen_nats.cli.requests import (
    check_requests,
    metadata_option,
    positive,
    print_template,
    read_messages,
)
from protoc_gen_nats.cli.schemas import complete_methods, require_schemas, schema_option
from protoc_gen_nats.errors import UserError

if TYPE_CHECKING:
    from protoc_gen_nats.live.schemas import Schemas
    from protonats.call_info import CallInfo
    from protonats.connection import Connection
    from protonats.errors import StatusError
    from protonats.settings import ConnectionSettings

__all__ = ["call"]


@click.command(short_help="Call a method: JSON in, JSON out.")
@click.argument("method", shell_complete=complete_methods)
@click.argument("requests", nargs=-1, metavar="[JSON]...")
@click.option("--template", is_flag=True, help="Print a request to fill in, and call nothing.")
@metadata_option
@click.option(
    "--timeout",
    type=float,
    callback=positive,
    metavar="SECONDS",
    help="How long the call may take. Default: what the schema says.",
)
@click.option("--idempotency-key", metavar="KEY", help="Calls with the same key are one call.")
@click.option("--wait", is_flag=True, help="Wait for an instance, if there is none yet.")
@click.option("--emit-defaults", is_flag=True, help="Also print fields that are not set.")
@click.option("--trace", is_flag=True, help="Print what is known about the call on standard error.")
@schema_option
@json_option
@reports_errors
@connection_options
def call(
    settings: ConnectionSettings,
    method: str,
    requests: tuple[str, ...],
    schema: Path | None,
    template: bool,
    emit_defaults: bool,
    trace: bool,
    as_json: bool,
    wait: bool,
    **options: Any,
) -> None:
    """Call a METHOD: JSON in, JSON out.

    METHOD is acme.v1.QuestService.GenerateQuest, or shorter where that says enough: quest is the
    service's name in `protonats ls`, so quest.generate_quest is the same. JSON is the request, {}
    if there is none, and `-` reads it from standard input: a line for each message of a stream,
    sent as it comes. The responses of a stream are printed as they come, one a line.

    A call that fails ends with exit code 1 and prints its status on standard error, with --json as
    a JSON object.

    \b
    Examples:
      protonats call acme.v1.QuestService.GenerateQuest '{"world_id": "w1"}'
      protonats call quest.generate_quest --template > request.json
      protonats call quest.generate_quest - --trace < request.json
      protonats call time.ticks '{"count": 3}' | jq .now
      tail -f scores.jsonl | protonats call game.score -
    """
    schemas = require_schemas(schema)
    from protoc_gen_nats.live.client import STREAMS_OF_REQUESTS
    from protoc_gen_nats.live.infos import method_info

    service, found = schemas.method(method)
    info = method_info(schemas, service, found)
    if template:
        print_template(info.request)
        return
    many = info.kind in STREAMS_OF_REQUESTS
    check_requests(requests, many=many, what=found.full_name)
    one = _Call(schemas, emit_defaults, trace, lines=as_json or "stream" in info.kind.value)
    messages = read_messages(requests, info.request, schemas.pool, many)
    try:
        failure = over_nats(settings, lambda c: one.make(c, info, messages, wait, options))
    except UserError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"error": {"message": str(error)}}, ensure_ascii=False), err=True)
        sys.exit(1)
    if failure is not None:
        _print_failure(failure, schemas, as_json)
        sys.exit(1)


class _Call:
    """One call, and how it is shown."""

    def __init__(self, schemas: Schemas, defaults: bool, trace: bool, *, lines: bool) -> None:
        from protoc_gen_nats.live.json_messages import JsonForm

        self._form = JsonForm(pool=schemas.pool, defaults=defaults)
        self._trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01" if trace else None
        self._indent = None if lines else 2

    async def make(
        self,
        connection: Connection,
        method: Any,
        requests: AsyncIterator[Any],
        wait: bool,
        options: dict[str, Any],
    ) -> StatusError | None:
        """Makes the call and prints its responses; returns what it failed with."""
        from protoc_gen_nats.live.client import DynamicClient
        from protonats import deadline
        from protonats.call_info import CallInfo
        from protonats.errors import StatusError

        client = DynamicClient(connection, wait_for_ready=wait)
        info, failure, count = CallInfo(), None, 0
        started = time.perf_counter()
        with deadline.scope(None, self._trace):
            responses = client.call(method, requests, info=info, **options)
            try:
                async with aclosing(responses):
                    async for response in responses:
                        count += 1
                        value = self._form.of(response)
                        click.echo(json.dumps(value, indent=self._indent, ensure_ascii=False))
            except StatusError as error:
                failure = error
            finally:
                if self._trace:
                    seconds = time.perf_counter() - started
                    _print_facts(_facts(self._trace, info, seconds, count))
        return failure


def _facts(trace: str, info: CallInfo, seconds: float, count: int) -> Iterator[tuple[str, str]]:
    yield "trace", trace.split("-")[1]
    yield "time", f"{seconds * 1000:.1f} ms"
    yield "attempts", str(info.attempts)
    yield "responses", str(count)
    if info.call_id:
        yield "call", info.call_id
    if info.instance:
        yield "instance", info.instance
    if info.replayed:
        yield "replayed", "the answer of an earlier call with this key"
    for name, value in info.metadata.items():
        yield "metadata", f"{name}={value}"
    for name, value in info.trailers.items():
        yield "trailer", f"{name}={value}"


def _print_facts(facts: Iterator[tuple[str, str]]) -> None:
    for name, value in facts:
        click.echo(f"{click.style(name.rjust(9), bold=True)}  {value}", err=True)


def _print_failure(error: StatusError, schemas: Schemas, as_json: bool) -> None:
    from protoc_gen_nats.live.failures import failure_facts, failure_lines

    if as_json:
        facts = {"error": failure_facts(error, schemas)}
        click.echo(json.dumps(facts, ensure_ascii=False), err=True)
        return
    first, *rest = failure_lines(error, schemas)
    click.echo(f"{click.style('error', fg='red', bold=True)}: {first}", err=True)
    for line in rest:
        click.echo(line, err=True)
    if error.unhandled and error.code.name == "UNAVAILABLE":
        click.echo("  see who runs with `protonats ls`, or wait for somebody with --wait", err=True)
