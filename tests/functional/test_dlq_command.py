"""`protonats dlq`."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protoc_gen_nats.cli import main
from protonats import Connection, provision
from protonats._consuming.dead_letter import bury
from protonats._consuming.delivery import Delivery
from protonats._transport.message import Message
from protonats._wire import headers
from protonats.testing import EmbeddedNats
from tests.functional.game import DURABLE, STREAM, WON, plan


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture(autouse=True)
def streams(nats: EmbeddedNats) -> Iterator[None]:
    def remove(connection: Connection) -> Awaitable[object]:
        jetstream = connection.jetstream
        return asyncio.gather(*map(jetstream.delete_stream, (STREAM, "DLQ")))

    on(nats, lambda connection: provision.apply(connection.jetstream, plan()))
    yield
    on(nats, remove)


def on(nats: EmbeddedNats, act: Callable[[Connection], Awaitable[object]]) -> Any:
    async def run() -> object:
        async with await protonats.connect(nats.url) as connection:
            return await act(connection)

    return asyncio.run(run())


def lay(nats: EmbeddedNats, *sequences: int, event: str = WON, consumer: str = DURABLE) -> None:
    """Makes dead letters of messages with these sequences."""

    async def act(connection: Connection) -> None:
        for sequence in sequences:
            message = Message(
                f"evt.game.won.v1.q-{sequence}",
                "",
                headers.encode({"Nats-Msg-Id": f"e-{sequence}", "Pn-Event": f"01-{event}"}),
                StringValue(value=f"q-{sequence}").SerializeToString(),
            )
            delivery = Delivery(STREAM, consumer, 4, sequence, 0)
            await bury(connection, message, delivery, delivery.number, "ValueError: no")

    on(nats, act)


def dlq(nats: EmbeddedNats, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["dlq", *arguments], env={"NATS_URL": nats.url}, input=stdin)


def numbers(nats: EmbeddedNats) -> list[int]:
    result = dlq(nats, "list", "--json")
    assert result.exit_code == 0, result.output
    return [letter["number"] for letter in json.loads(result.stdout)]


def stored(nats: EmbeddedNats) -> int:
    """How many messages the stream of the game has."""

    async def act(connection: Connection) -> int:
        return int((await connection.jetstream.stream_info(STREAM)).state.messages)

    count = on(nats, act)
    assert isinstance(count, int)
    return count


def test_a_list_is_a_table_for_people(nats: EmbeddedNats) -> None:
    assert dlq(nats, "list").output == "There are no dead letters.\n"
    lay(nats, 3, 4)
    result = dlq(nats, "list")

    assert result.exit_code == 0
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["number", "buried", "at", "stream", "consumer", "event", "error"]
    assert first.split()[0] == "1"
    assert first.split()[3:] == [STREAM, DURABLE, WON, "ValueError:", "no"]
    assert second.split()[0] == "2"


def test_a_table_has_no_blanks_at_the_end_of_its_lines(nats: EmbeddedNats) -> None:
    lay(nats, 3)
    lines = dlq(nats, "list").stdout.splitlines()
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize("verb", ["list", "replay", "purge"])
def test_that_nothing_matches_is_said(nats: EmbeddedNats, verb: str) -> None:
    lay(nats, 3)
    result = dlq(nats, verb, "--consumer", "nobody")
    assert result.exit_code == 0, result.output
    assert result.stdout == "No dead letter matches.\n"


def test_a_list_is_json_for_scripts(nats: EmbeddedNats) -> None:
    lay(nats, 3)
    (letter,) = json.loads(dlq(nats, "list", "--json").stdout)

    assert letter.pop("buried_at").endswith("+00:00")
    assert letter == {
        "number": 1,
        "stream": STREAM,
        "consumer": DURABLE,
        "origin_sequence": 3,
        "origin_subject": "evt.game.won.v1.q-3",
        "event": WON,
        "event_id": "e-3",
        "deliveries": 4,
        "error": "ValueError: no",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--consumer", "other"], [2]),
        (["--stream", STREAM], [1, 2, 3]),
        (["--stream", "OTHER"], []),
        (["--event", "game.Other"], [3]),
        (["--limit", "2"], [1, 2]),
        (["--since", "1h"], [1, 2, 3]),
        (["--since", "0s"], []),
        (["--until", "2020-01-01T00:00:00Z"], []),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)
def test_a_list_is_filtered(nats: EmbeddedNats, options: list[str], expected: list[int]) -> None:
    lay(nats, 1)
    lay(nats, 2, consumer="other")
    lay(nats, 3, event="game.Other")
    result = dlq(nats, "list", "--json", *options)

    assert [letter["number"] for letter in json.loads(result.stdout)] == expected


def test_one_is_shown_with_its_body(nats: EmbeddedNats) -> None:
    lay(nats, 3)
    text = dlq(nats, "show", "1").stdout
    assert "origin subject  evt.game.won.v1.q-3" in text
    assert text.endswith('"q-3"\n')
    assert json.loads(dlq(nats, "show", "1", "--json").stdout)["body"] == "q-3"


def test_a_body_of_an_unknown_type_is_shown_in_digits(nats: EmbeddedNats) -> None:
    lay(nats, 3, event="game.Unknown")

    assert dlq(nats, "show", "1").stdout.endswith(
        "5 bytes, of a type that is not known here:\n0a 0371 2d33\n"
    )
    assert json.loads(dlq(nats, "show", "1", "--json").stdout)["body_hex"] == "0a03712d33"


def test_the_type_of_a_body_is_found_in_generated_code(nats: EmbeddedNats, tmp_path: Path) -> None:
    folder = tmp_path / "acme" / "found" / "v1"
    folder.mkdir(parents=True)
    (folder / "found_pb2.py").write_text(_MODULE)
    lay(nats, 3, event="acme.found.v1.Outer.Inner")
    result = dlq(nats, "show", "1", "--json", "--python", str(tmp_path))

    assert json.loads(result.stdout)["body"] == {"quest_id": "q-3"}


_MODULE = """
from google.protobuf import descriptor_pb2, descriptor_pool

file = descriptor_pb2.FileDescriptorProto(name="found.proto", package="acme.found.v1")
inner = file.message_type.add(name="Outer").nested_type.add(name="Inner")
inner.field.add(name="quest_id", number=1, type=9, label=1)
descriptor_pool.Default().Add(file)
"""


def test_numbers_are_replayed_and_the_others_stay(nats: EmbeddedNats) -> None:
    lay(nats, 3, 4, 5)
    result = dlq(nats, "replay", "1", "3", "--yes")

    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("2 dead letters replayed.\n")
    assert numbers(nats) == [2]
    assert stored(nats) == 2


def test_a_dry_run_changes_nothing(nats: EmbeddedNats) -> None:
    lay(nats, 3)
    for verb, done in (("replay", "replayed"), ("purge", "purged")):
        result = dlq(nats, verb, "--all", "--dry-run")
        assert result.exit_code == 0
        assert result.stdout.endswith(f"Dry run: 1 dead letter would be {done}.\n")
    assert numbers(nats) == [1]
    assert stored(nats) == 0


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", [1])])
def test_somebody_is_asked_before_anything_is_changed(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch, answer: str, left: list[int]
) -> None:
    module = importlib.import_module("protoc_gen_nats.cli.dlq")
    monkeypatch.setattr(module, "_somebody_is_there", lambda: True)
    lay(nats, 3)
    result = dlq(nats, "purge", "--consumer", DURABLE, stdin=answer)

    assert "Purge 1 dead letter? [y/N]" in result.stdout
    assert result.exit_code == (1 if left else 0)
    assert numbers(nats) == left


def test_nobody_can_be_asked_in_a_script(nats: EmbeddedNats) -> None:
    lay(nats, 3)
    result = dlq(nats, "purge", "--all")

    assert result.exit_code == 1
    assert result.stderr == "error: nobody is there to be asked: purge with --yes\n"
    assert numbers(nats) == [1]


def test_what_a_change_came_to_is_json_for_scripts(nats: EmbeddedNats) -> None:
    lay(nats, 3)
    assert json.loads(dlq(nats, "replay", "--all", "--yes", "--keep", "--json").stdout) == [
        {"number": 1, "stream": STREAM, "sequence": 1, "duplicate": False}
    ]
    assert json.loads(dlq(nats, "purge", "1", "--yes", "--json").stdout) == [{"number": 1}]


def test_one_that_fails_is_named_and_does_not_stop_the_others(nats: EmbeddedNats) -> None:
    lay(nats, 3, 4)

    async def act(connection: Connection) -> None:
        await connection.jetstream.update_stream(name=STREAM, subjects=["evt.game.won.v1.q-4"])

    on(nats, act)
    result = dlq(nats, "replay", "--all", "--yes")

    assert result.exit_code == 1
    assert "1 dead letter replayed." in result.stdout
    assert "error: dead letter 1: no stream stores evt.game.won.v1.q-3" in result.stderr
    assert numbers(nats) == [1]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["show", "7"], 1, "error: there is no dead letter 7 in DLQ"),
        (["purge", "--yes"], 2, "say which: numbers, filters such as --consumer, or --all"),
        (["purge", "1", "--all"], 2, "say which: numbers, filters"),
        (["list", "--since", "soon"], 2, "'soon': write 2026-05-01T12:00:00Z, or how long ago"),
        (["list", "--dlq-stream", "NONE"], 1, "error: stream NONE cannot be read"),
        (["list", "--server", "http://x"], 1, "error: servers (NATS_URL)"),
    ],
)
def test_what_is_wrong_is_said(
    nats: EmbeddedNats, arguments: list[str], code: int, error: str
) -> None:
    result = dlq(nats, *arguments)

    assert result.exit_code == code, result.output
    assert error in result.stderr


def test_a_server_that_is_not_there_is_given_up() -> None:
    result = CliRunner().invoke(
        main,
        ["dlq", "list", "--server", "nats://127.0.0.1:9"],
        env={"NATS_STARTUP_TIMEOUT": "0.2"},
    )

    assert result.exit_code == 1
    assert "error: no NATS server could be reached within 0.2 s" in result.stderr
