"""`protonats streams`, against a real server."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext

from protonats.testing import EmbeddedNats
from tests.functional.live.planned import Planner, on


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture(autouse=True)
def nothing_stays(nats: EmbeddedNats) -> Iterator[None]:
    yield

    async def remove(jetstream: JetStreamContext) -> None:
        for info in await jetstream.streams_info():
            await jetstream.delete_stream(str(info.config.name))

    on(nats, remove)


@pytest.fixture
def planner(nats: EmbeddedNats, tmp_path: Path) -> Planner:
    return Planner(nats, tmp_path / "plan.json")


def test_a_plan_says_what_will_be_created(planner: Planner) -> None:
    result = planner.run("plan")

    assert result.exit_code == 1
    assert result.stdout == """\
+ stream ORDERS
    description  What was ordered.
    subjects     evt.carts.> evt.orders.>
    max_age      1d
+ bucket parcels
    subjects              $KV.parcels.>
    max_age               1h
    max_msgs_per_subject  5
    duplicate_window      2m
+ consumer ORDERS/shipping
    ack_wait         30s
    filter_subjects  evt.orders.paid evt.orders.placed
    max_ack_pending  100
    metadata         protonats.backoff=1,5,30, protonats.max_deliver=2
Plan: 3 to create, 0 as they are.
"""
    assert planner.run("ls").stdout == "There are no streams.\n"


def test_what_is_applied_is_as_planned(planner: Planner) -> None:
    result = planner.apply()

    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(
        "Plan: 3 to create, 0 as they are.\n"
        "created stream ORDERS\ncreated consumer ORDERS/shipping\ncreated bucket parcels\n"
    )
    again = planner.run("plan")
    assert (
        again.stdout == "Nothing to do: streams, consumers and buckets are as planned, 3 in all.\n"
    )
    assert again.exit_code == 0
    assert planner.apply().stdout == again.stdout


def test_streams_are_listed(planner: Planner) -> None:
    planner.apply()
    planner.publish("evt.orders.placed", 2)
    head, bucket, stream = planner.run("ls").stdout.splitlines()

    assert head.split()[:4] == ["stream", "messages", "size", "consumers"]
    assert bucket.split()[0] == "KV_parcels"
    assert stream.split()[:2] == ["ORDERS", "2"]
    assert stream.split()[4:] == ["1", "1d", "1", "evt.orders.>", "evt.carts.>"]
    assert json.loads(planner.run("ls", "--json").stdout)[1]["messages"] == 2


def test_harmless_changes_are_made(planner: Planner) -> None:
    planner.apply()
    planner.publish("evt.orders.placed", 1)
    planner.plan["streams"][0]["max_age_seconds"] = 2 * 86400
    planner.plan["streams"][0]["subjects"].append("evt.bills.>")
    planner.plan["consumers"][0]["ack_wait_seconds"] = 60
    result = planner.apply()

    assert result.stdout == """\
~ stream ORDERS
    subjects  evt.carts.> evt.orders.> → evt.bills.> evt.carts.> evt.orders.>
    max_age   1d → 2d
~ consumer ORDERS/shipping
    ack_wait  30s → 1m
Plan: 2 to update, 1 as they are.
updated stream ORDERS
updated consumer ORDERS/shipping
"""


def test_what_somebody_changed_by_hand_is_told(planner: Planner) -> None:
    planner.apply()

    async def change(jetstream: JetStreamContext) -> None:
        config = (await jetstream.stream_info("ORDERS")).config
        config.max_bytes = 1 << 20
        await jetstream.update_stream(config)
        await jetstream.add_stream(name="OTHERS", subjects=["others"])

    on(planner.nats, change)
    text = planner.run("plan").stdout
    assert "~ stream ORDERS\n    max_bytes  1 MiB → default\n" in text
    assert "Not planned, and left alone: OTHERS.\n" in text


def _fewer_subjects(plan: dict[str, Any]) -> None:
    plan["streams"][0]["subjects"] = ["evt.orders.>"]


def _wider_subject(plan: dict[str, Any]) -> None:
    plan["streams"][0]["subjects"] = ["evt.>"]


def _interest(plan: dict[str, Any]) -> None:
    plan["streams"][0]["retention"] = "interest"


def _shorter(plan: dict[str, Any]) -> None:
    plan["buckets"][0]["history"] = 2


def _short_age(plan: dict[str, Any]) -> None:
    plan["streams"][0]["max_age_seconds"] = 0.2
    plan["streams"][0]["duplicate_window_seconds"] = 0.2


def _fewer_events(plan: dict[str, Any]) -> None:
    plan["consumers"][0]["filter_subjects"] = ["evt.orders.paid"]


@pytest.mark.parametrize(
    ("change", "loss"),
    [
        (_fewer_subjects, "what is published to evt.carts.> is not stored any more"),
        (_interest, "retention limits to interest: what no consumer waits for is deleted"),
        (_shorter, "fewer messages of each subject: the older ones are deleted"),
        (_short_age, "max_age: messages that are older are deleted"),
        (_fewer_events, "messages on evt.orders.placed are not delivered any more, and 2 of the"),
    ],
)
def test_what_would_be_lost_is_said_and_needs_leave(
    planner: Planner, change: Callable[[dict[str, Any]], None], loss: str
) -> None:
    planner.apply()
    planner.publish("evt.orders.placed", 2)
    planner.publish("$KV.parcels.one", 3)
    change(planner.plan)
    while loss not in planner.run("plan").stdout:
        assert change is _short_age, "it is lost at once"
    before = planner.run("ls", "--json").stdout
    refused = planner.apply()

    assert f"    ! {loss}" in refused.stdout
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: something would be lost of ")
    assert refused.stderr.endswith("do it all the same with --allow-destructive\n")
    assert planner.run("ls", "--json").stdout == before
    done = planner.apply("--allow-destructive")
    assert done.exit_code == 0, done.output
    assert planner.run("plan").exit_code == 0


def test_nothing_is_lost_by_a_subject_that_another_one_covers(planner: Planner) -> None:
    planner.apply()
    _wider_subject(planner.plan)
    result = planner.apply()
    assert result.exit_code == 0, result.output
    assert "!" not in result.stdout


def test_a_limit_may_be_lowered_above_what_is_stored(planner: Planner) -> None:
    planner.apply()
    planner.publish("evt.orders.placed", 1)
    planner.plan["streams"][0]["max_age_seconds"] = 3600
    assert planner.apply().exit_code == 0


def test_what_the_server_cannot_change_is_created_anew_if_wanted(planner: Planner) -> None:
    planner.apply()
    planner.publish("evt.orders.placed", 2)
    planner.plan["streams"][0]["retention"] = "work_queue"
    refused = planner.apply("--allow-destructive")

    assert refused.exit_code == 1
    assert (
        "! retention limits to workqueue: a server cannot change a stream to or" in refused.stdout
    )
    assert "create it anew with --delete ORDERS\n" in refused.stderr
    result = planner.apply("--delete", "ORDERS", "--allow-destructive")
    assert result.exit_code == 0, result.output
    assert "± stream ORDERS\n" in result.stdout
    assert "    ! it is deleted with 2 messages, 1 consumer\n" in result.stdout
    assert result.stdout.endswith(
        "deleted stream ORDERS\ncreated stream ORDERS\ncreated consumer ORDERS/shipping\n"
    )
    assert planner.run("plan").exit_code == 0


def test_streams_are_deleted_by_name_alone(planner: Planner) -> None:
    planner.apply()
    on(planner.nats, lambda jetstream: jetstream.add_stream(name="OLD", subjects=["old"]))
    assert planner.apply("--delete", "OLD").exit_code == 1
    result = planner.apply("--delete", "OLD", "--allow-destructive", "--json")
    assert json.loads(result.stdout)["done"] == [
        {"kind": "stream", "name": "OLD", "action": "deleted"}
    ]
    assert json.loads(result.stdout)["changes"][0]["destructive"] is True
    assert "OLD" not in planner.run("ls").stdout


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_somebody_is_asked(
    planner: Planner, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    module = importlib.import_module("protoc_gen_nats.cli.streams")
    monkeypatch.setattr(module, "_somebody_is_there", lambda: True)
    result = planner.run("apply", stdin=answer)

    assert "Apply 3 changes? [y/N]" in result.stdout
    assert result.exit_code == code
    assert ("ORDERS" in planner.run("ls").stdout) == (code == 0)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["apply"], "error: nobody is there to be asked: apply with --yes"),
        (["plan", "--delete", "NONE"], "error: there is no stream NONE to delete"),
        (["plan", "--server", "nats://127.0.0.1:1"], "error: no NATS server could be reached"),
    ],
)
def test_what_is_wrong_is_said(planner: Planner, arguments: list[str], error: str) -> None:
    result = planner.run(*arguments)
    assert result.exit_code == 1, result.output
    assert error in result.stderr


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"name": "X"}, "error: stream X: the plan has no 'subjects'"),
        ({"name": "X", "subjects": ["x"], "retention": "?"}, "stream X: retention is '?': write"),
    ],
)
def test_a_malformed_plan_is_said(planner: Planner, entry: dict[str, Any], error: str) -> None:
    planner.plan = {"streams": [entry]}
    result = planner.run("plan")
    assert result.exit_code == 1
    assert error in result.stderr


def test_a_server_without_jetstream_is_said(planner: Planner) -> None:
    with EmbeddedNats() as plain:
        result = planner.run("plan", "--server", plain.url)
    assert result.exit_code == 1
    assert result.stderr == (
        "error: JetStream does not answer: it is off for this account or server, or not up yet;"
        " start nats-server with --jetstream, or allow it for the account\n"
    )
