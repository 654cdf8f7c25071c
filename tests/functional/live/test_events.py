"""`protonats publish` and `subscribe`, against a real server."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import protonats
from protonats.testing import EmbeddedNats
from tests.functional.live.orders import Shop

PLACED = "acme.orders.v1.OrderPlaced"


@pytest.fixture(autouse=True)
def stream(shop: Shop) -> Iterator[None]:
    """The stream of orders, and none of the others."""
    _streams(shop.nats, "create")
    yield
    _streams(shop.nats, "delete")


def _streams(nats: EmbeddedNats, what: str) -> None:
    async def act() -> None:
        async with await protonats.connect(nats.url) as connection:
            jetstream = connection.jetstream
            if what == "create":
                await jetstream.add_stream(
                    name="ORDERS", subjects=["evt.orders.>"], allow_direct=True
                )
            else:
                await jetstream.delete_stream("ORDERS")

    asyncio.run(act())


def place(shop: Shop, *ids: str) -> None:
    """Publishes events with these keys."""
    lines = "".join(json.dumps({"order_id": one, "item": "tea"}) + "\n" for one in ids)
    result = shop.typed("publish", PLACED, "-", stdin=lines)
    assert result.exit_code == 0, result.output


def read(shop: Shop, *arguments: str) -> list[Any]:
    """The events that a command prints."""
    result = shop.typed("subscribe", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def keys(events: list[Any]) -> list[str]:
    return [event["body"]["order_id"] for event in events]


def test_a_durable_event_is_stored(shop: Shop) -> None:
    body = '{"order_id": "o-1", "at": "2026-05-01T12:00:00Z"}'
    first = shop.typed("publish", PLACED, body, "--id", "one")
    second = shop.typed("publish", "OrderPlaced", body, "--id", "one")

    assert first.stdout == "stored in ORDERS 1  id one\n"
    assert second.stdout == "duplicate of ORDERS 1  id one\n"
    result = shop.typed("publish", PLACED, body, "--id", "one", "--json")
    assert json.loads(result.stdout) == {
        "event_id": "one", "stream": "ORDERS", "sequence": 1, "duplicate": True,
    }  # fmt: skip


def test_an_event_that_is_not_durable_is_sent(shop: Shop) -> None:
    result = shop.typed("publish", "Blinked", '{"times": 3}')
    assert re.fullmatch(r"sent  id [0-9a-f]{32}\n", result.stdout)


def test_stored_events_are_read_with_all_that_is_known(shop: Shop) -> None:
    body = '{"order_id": "o-1", "item": "tea", "at": "2026-05-01T12:00:00Z"}'
    shop.typed("publish", PLACED, body, "--id", "one", "--metadata", "tenant=acme")
    (event,) = read(shop, PLACED, "--from-start", "--no-wait")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("time"))
    assert event == {
        "subject": "evt.orders.order.placed.v1.o-1",
        "event": PLACED,
        "id": "one",
        "stream": "ORDERS",
        "sequence": 1,
        "metadata": {"tenant": "acme"},
        "body": {"order_id": "o-1", "item": "tea", "at": "2026-05-01T12:00:00Z"},
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--from-start", "--no-wait"], ["a", "b", "c"]),
        (["--from-start", "--count", "2"], ["a", "b"]),
        (["--since", "1h", "--no-wait"], ["a", "b", "c"]),
        (["--since", "0s", "--no-wait"], []),
        (["--last", "2", "--no-wait"], ["b", "c"]),
        (["--last", "9", "--no-wait"], ["a", "b", "c"]),
        (["--last", "1", "--key", "a", "--no-wait"], ["a"]),
        (["--from-start", "--stream", "ORDERS", "--no-wait"], ["a", "b", "c"]),
    ],
    ids=" ".join,
)
def test_reading_begins_and_ends_as_told(
    shop: Shop, options: list[str], expected: list[str]
) -> None:
    place(shop, "a", "b", "c")
    assert keys(read(shop, PLACED, *options)) == expected


def test_the_last_ones_are_found_behind_many_others(shop: Shop) -> None:
    place(shop, "rare", *(f"o-{number}" for number in range(200)))
    assert keys(read(shop, PLACED, "--last", "1", "--key", "rare", "--no-wait")) == ["rare"]


def test_bodies_stand_alone_if_wanted(shop: Shop) -> None:
    place(shop, "a")
    (body,) = read(shop, "evt.orders.>", "--from-start", "--no-wait", "--body")
    assert body == {"order_id": "a", "item": "tea"}


def test_a_body_of_an_unknown_type_is_shown_in_digits(shop: Shop) -> None:
    place(shop, "a")
    result = shop.run("subscribe", "evt.orders.>", "--last", "1", "--no-wait")
    (event,) = map(json.loads, result.stdout.splitlines())
    assert event["event"] == PLACED
    assert bytes.fromhex(event["body_hex"]) == b"\n\x01a\x12\x03tea"


@pytest.mark.parametrize("what", ["Blinked", "evt.lights.>"])
def test_what_passes_by_is_heard_until_ctrl_c(shop: Shop, what: str) -> None:
    process = shop.start("subscribe", what, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    heard = b""
    while not heard:
        # It takes a moment until it listens.
        shop.typed("publish", "Blinked", '{"times": 3}')
        asyncio.run(asyncio.sleep(0.01))
        heard = _line_if_any(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)

    event = json.loads(heard)
    assert event["body"] == {"times": 3}
    assert "stream" not in event
    assert process.returncode == 0
    assert re.fullmatch(rb"\d+ events? in [0-9.]+ s\n", errors)


def _line_if_any(process: subprocess.Popen[bytes]) -> bytes:
    import select

    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 0.05)
    return process.stdout.readline() if ready else b""


def test_waiting_ends_when_nobody_reads_any_more(shop: Shop) -> None:
    shop.typed("publish", PLACED, '{"order_id": "unread"}')
    process = shop.start("subscribe", PLACED, "--last", "1", stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stderr:
        assert b"unread" in process.stdout.readline()
        process.stdout.close()
        # No further event comes, so that nothing is printed that would fail.
        try:
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
        assert re.fullmatch(rb"1 event in [0-9.]+ s\n", process.stderr.read())


def test_new_events_follow_stored_ones(shop: Shop) -> None:
    place(shop, "a")
    process = shop.start("subscribe", PLACED, "--last", "1", "--count", "2",
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    place(shop, "b")
    rest, errors = process.communicate(timeout=10)

    assert keys([json.loads(first), json.loads(rest)]) == ["a", "b"]
    assert errors.startswith(b"2 events in ")


def test_kinds_of_events_are_counted(shop: Shop) -> None:
    async def another() -> None:
        async with await protonats.connect(shop.nats.url) as connection:
            await connection.jetstream.publish("evt.orders.other", b"?")

    place(shop, "a", "b")
    asyncio.run(another())
    result = shop.typed("subscribe", "evt.orders.>", "--from-start", "--no-wait")
    assert re.fullmatch(
        r"3 events in [0-9.]+ s\n  2  acme\.orders\.v1\.OrderPlaced\n  1  evt\.orders\.other\n",
        result.stderr,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["publish", "OrderPlacd", "{}"], 1, "did you mean 'acme.orders.v1.OrderPlaced'?"),
        (["publish", PLACED, '{"itm": 1}'], 1, f"error: the event is no {PLACED}: "),
        (["publish", PLACED, "{}"], 1, "error: INVALID_ARGUMENT: "),
        (["publish", PLACED, '{"order_id": "a"}', '{"order_id": ""}'], 1, "1 before it were publ"),
        (["publish", PLACED, "{}", "{}", "--id", "x"], 2, "--id is the id of one event"),
        (["subscribe", "OrderPlacd"], 1, "and no subject: did you mean 'acme.orders.v1.OrderPla"),
        (["subscribe", "Blinked", "--key", "x"], 1, "acme.orders.v1.Blinked has no key"),
        (["subscribe", "evt.>", "--key", "x"], 1, "a subject says by itself which key"),
        (["subscribe", PLACED, "--no-wait"], 2, "--no-wait is about stored events: add"),
        (["subscribe", PLACED, "--last", "1", "--from-start"], 2, "write one of --from-start"),
        (["subscribe", PLACED, "--since", "soon"], 2, "'soon': write 2026-05-01T12:00:00Z"),
        (["subscribe", "Blinked", "--from-start"], 1, "error: no stream stores evt.lights.blinke"),
        (["subscribe", PLACED, "--last", "1", "--stream", "NONE"], 1, "there is no stream NONE"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(shop: Shop, arguments: list[str], code: int, error: str) -> None:
    result = shop.typed(*arguments)

    assert result.exit_code == code, result.output
    assert error in result.stderr
    assert "Traceback" not in result.output
