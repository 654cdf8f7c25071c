"""`protonats dlq`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from protoc_gen_nats.cli.common import counted, json_option, print_json, reports_errors
from protoc_gen_nats.cli.connecting import connection_options, over_nats
from protoc_gen_nats.cli.messages import message_text, search
from protoc_gen_nats.cli.moments import moment
from protoc_gen_nats.errors import Place, Problem, UserError
from protonats.errors import StatusError

if TYPE_CHECKING:
    from protonats.dead_letters import DeadLetter, DeadLetters
    from protonats.settings import ConnectionSettings

__all__ = ["dlq"]

_stream_option: Final = click.option(
    "--dlq-stream",
    metavar="NAME",
    help="The stream of dead letters. Default: the one that stores dlq.>.",
)
_filter_options: Final = (
    click.option("--stream", metavar="NAME", help="Only of messages of this stream."),
    click.option("--consumer", metavar="NAME", help="Only of this consumer."),
    click.option("--event", metavar="NAME", help="Only of this event, by its full name."),
    click.option(
        "--since",
        metavar="TIME",
        callback=moment,
        help="Only buried in the last 2h, or since an ISO time.",
    ),
    click.option(
        "--until",
        metavar="TIME",
        callback=moment,
        help="Only buried more than 30d ago, or before an ISO time.",
    ),
)
_change_options: Final = (
    click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]..."),
    *_filter_options,
    click.option("--all", "everything", is_flag=True, help="All dead letters there are."),
    click.option("--yes", "-y", is_flag=True, help="Do not ask."),
    click.option("--dry-run", is_flag=True, help="Only show what would be done."),
    _stream_option,
    json_option,
)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _over_nats(
    command: Callable[..., Awaitable[None]],
) -> Callable[..., None]:
    """Runs a command with the dead letters of a server; its errors are those of a user."""

    @functools.wraps(command)
    @reports_errors
    @connection_options
    def wrapped(settings: ConnectionSettings, dlq_stream: str | None, **options: Any) -> None:
        # Loaded when it is needed: the other commands speak to no server.
        from protonats.dead_letters import DeadLetters

        over_nats(settings, lambda c: command(DeadLetters(c, stream=dlq_stream), **options))

    return wrapped


@click.group()
def dlq() -> None:
    """List, show, replay and purge dead letters.

    A dead letter is a message that a consumer could not handle, as often as it was delivered. Its
    number is its place in the stream of dead letters.

    \b
    Examples:
      protonats dlq list --consumer quest_processor --since 2h
      protonats dlq show 17
      protonats dlq replay 17 18
      protonats dlq replay --consumer quest_processor --yes
      protonats dlq purge --until 30d
    """


@dlq.command("list")
@_options(
    *_filter_options,
    click.option("--limit", type=click.IntRange(min=1), help="At most so many."),
    _stream_option,
    json_option,
)
@_over_nats
async def list_(letters: DeadLetters, limit: int | None, as_json: bool, **filters: Any) -> None:
    """List dead letters, the oldest first.

    \b
    Examples:
      protonats dlq list
      protonats dlq list --event bodybroker.quest.v1.QuestGenerated --since 2026-05-01T12:00:00Z
      protonats dlq list --json | jq -r '.[].error' | sort | uniq -c
    """
    found = []
    async for letter in letters.list(**filters):
        found.append(letter)
        if len(found) == limit:
            break
    if as_json:
        print_json([_facts(letter) for letter in found])
    else:
        _print_table(found, _is_filtered(filters))


@dlq.command()
@click.argument("number", type=int)
@click.option(
    "--python",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with generated Python code, which knows the type of the body. Default:"
    " generated/python, where it is.",
)
@_options(_stream_option, json_option)
@_over_nats
async def show(letters: DeadLetters, number: int, folders: tuple[Path, ...], as_json: bool) -> None:
    """Show one dead letter, with its body.

    The body is shown as JSON where its type is known, else in hexadecimal digits.

    \b
    Examples:
      protonats dlq show 17
      protonats dlq show 17 --python generated/python --json | jq .body
    """
    letter = await letters.get(number)
    body = message_text(letter.event, letter.body, search(folders))
    if as_json:
        shown = {"body": body} if body is not None else {"body_hex": letter.body.hex()}
        print_json({**_facts(letter), "metadata": dict(letter.metadata), **shown})
        return
    facts = _facts(letter) | {f"metadata {name}": value for name, value in letter.metadata.items()}
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{click.style(name.replace('_', ' ').rjust(width), bold=True)}  {value}")
    click.echo()
    if body is None:
        click.echo(f"{counted(len(letter.body), 'byte')}, of a type that is not known here:")
        click.echo(letter.body.hex(" ", 2))
    else:
        print_json(body)


@dlq.command()
@_options(
    click.option("--keep", is_flag=True, help="Leave the dead letters where they are."),
    *_change_options,
)
@_over_nats
async def replay(letters: DeadLetters, keep: bool, **options: Any) -> None:
    """Publish the messages of dead letters again, and delete the dead letters.

    A message goes to its stream, and there to the consumer that could not handle it: the other
    consumers pass it over. Whoever reads the stream by other means sees it a second time.

    \b
    Examples:
      protonats dlq replay 17 18
      protonats dlq replay --consumer quest_processor --since 2h --dry-run
      protonats dlq replay --all --yes
    """

    async def one(letter: DeadLetter) -> dict[str, object]:
        ack = await letters.replay(letter, keep=keep)
        return {"stream": ack.stream, "sequence": ack.sequence, "duplicate": ack.duplicate}

    await _change(letters, "replay", "replayed", one, **options)


@dlq.command()
@_options(*_change_options)
@_over_nats
async def purge(letters: DeadLetters, **options: Any) -> None:
    """Delete dead letters for good.

    \b
    Examples:
      protonats dlq purge 17
      protonats dlq purge --stream GAME_EVENTS --until 30d --yes
    """

    async def one(letter: DeadLetter) -> dict[str, object]:
        await letters.purge(letter)
        return {}

    await _change(letters, "purge", "purged", one, **options)


async def _change(
    letters: DeadLetters,
    verb: str,
    done: str,
    change: Callable[[DeadLetter], Awaitable[dict[str, object]]],
    *,
    numbers: tuple[int, ...],
    everything: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    chosen = await _choose(letters, numbers, everything, filters)
    if not as_json:
        _print_table(chosen, _is_filtered(filters))
    if chosen and not (yes or dry_run):
        if not _somebody_is_there():
            raise UserError.of(f"nobody is there to be asked: {verb} with --yes")
        click.confirm(f"{verb.capitalize()} {counted(len(chosen), 'dead letter')}?", abort=True)
    outcomes: list[dict[str, object]] = []
    problems: list[str] = []
    for letter in () if dry_run else chosen:
        try:
            outcomes.append({"number": letter.sequence, **await change(letter)})
        except StatusError as error:
            outcomes.append({"number": letter.sequence, "error": str(error)})
            problems.append(f"dead letter {letter.sequence}: {error.message}")
    if as_json:
        print_json(outcomes if not dry_run else [_facts(letter) for letter in chosen])
    elif dry_run:
        click.echo(f"Dry run: {counted(len(chosen), 'dead letter')} would be {done}.")
    elif chosen:
        click.echo(f"{counted(len(outcomes) - len(problems), 'dead letter')} {done}.")
    if problems:
        raise UserError(Problem(Place(), problem) for problem in problems)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


async def _choose(
    letters: DeadLetters, numbers: tuple[int, ...], everything: bool, filters: dict[str, Any]
) -> list[DeadLetter]:
    if bool(numbers) + everything + _is_filtered(filters) != 1:
        raise click.UsageError("say which: numbers, filters such as --consumer, or --all")
    if numbers:
        return [await letters.get(number) for number in dict.fromkeys(numbers)]
    return [letter async for letter in letters.list(**filters)]


def _is_filtered(filters: dict[str, Any]) -> bool:
    return any(value is not None for value in filters.values())


def _facts(letter: DeadLetter) -> dict[str, object]:
    return {
        "number": letter.sequence,
        "buried_at": letter.buried_at.isoformat(timespec="milliseconds"),
        "stream": letter.stream,
        "consumer": letter.consumer,
        "origin_sequence": letter.origin_sequence,
        "origin_subject": letter.origin_subject,
        "event": letter.event,
        "event_id": letter.event_id,
        "deliveries": letter.deliveries,
        "error": letter.error,
    }


def _print_table(letters: list[DeadLetter], filtered: bool) -> None:
    from protoc_gen_nats.live.tables import table_text

    if not letters:
        click.echo("No dead letter matches." if filtered else "There are no dead letters.")
        return
    rows = [
        (
            letter.sequence,
            letter.buried_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            letter.stream,
            letter.consumer,
            letter.event or letter.origin_subject,
            letter.error,
        )
        for letter in letters
    ]
    headers = ("number", "buried at", "stream", "consumer", "event", "error")
    click.echo(table_text(headers, rows, right=("number",)), nl=False)
