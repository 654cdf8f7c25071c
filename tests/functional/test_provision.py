"""Creating what a set of services needs in JetStream."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import RetentionPolicy, StorageType

import protonats
from protonats import Code, ConfigurationError, Connection, StatusError
from protonats.provision import Change, apply
from protonats.testing import EmbeddedNats

pytestmark = pytest.mark.anyio

PLAN: dict[str, Any] = {
    "streams": [
        {
            "name": "PAYMENTS",
            "subjects": ["evt.payment.>"],
            "retention": "limits",
            "storage": "file",
            "max_age_seconds": 3600,
            "max_message_bytes": 65536,
            "duplicate_window_seconds": 300,
            "replicas": 3,
            "description": "Money.",
        },
        {"name": "WORK", "subjects": ["work.payment.>"], "retention": "work_queue"},
    ],
    "consumers": [
        {
            "stream": "PAYMENTS",
            "durable": "ledger",
            "service": "ledger",
            "filter_subjects": ["evt.payment.done.v1.*", "evt.payment.failed.v1"],
            "ack_wait_seconds": 45,
            "max_deliver": 5,
            "max_ack_pending": 64,
            "backoff_seconds": [0.5, 5, 60],
        }
    ],
    "buckets": [
        {
            "name": "ledger",
            "service": "ledger",
            "description": "Balances.",
            "history": 5,
            "ttl_seconds": None,
            "replicas": 3,
        }
    ],
}


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        yield connection
        for stream in await connection.jetstream.streams_info():
            await connection.jetstream.delete_stream(str(stream.config.name))


@pytest.fixture
def plan() -> dict[str, Any]:
    return copy.deepcopy(PLAN)


def actions(changes: tuple[Change, ...]) -> dict[str, str]:
    return {f"{change.kind} {change.name}": change.action for change in changes}


async def test_everything_of_the_plan_is_created(
    connection: Connection, plan: dict[str, Any]
) -> None:
    changes = await apply(connection.jetstream, plan, replicas=1)

    assert actions(changes) == {
        "stream PAYMENTS": "created",
        "stream WORK": "created",
        "consumer PAYMENTS/ledger": "created",
        "bucket ledger": "created",
    }
    payments = (await connection.jetstream.stream_info("PAYMENTS")).config
    assert payments.subjects == ["evt.payment.>"]
    assert payments.description == "Money."
    assert (payments.max_age, payments.duplicate_window) == (3600, 300)
    assert payments.max_msg_size == 65536
    assert (payments.storage, payments.num_replicas) == (StorageType.FILE, 1)
    work = (await connection.jetstream.stream_info("WORK")).config
    assert work.retention == RetentionPolicy.WORK_QUEUE
    assert (work.max_age, work.max_msg_size, work.duplicate_window) == (0, -1, 120)


async def test_a_consumer_is_a_durable_pull_consumer_without_a_limit_on_the_server(
    connection: Connection, plan: dict[str, Any]
) -> None:
    await apply(connection.jetstream, plan, replicas=1)

    ledger = (await connection.jetstream.consumer_info("PAYMENTS", "ledger")).config
    assert ledger.durable_name == "ledger"
    assert ledger.deliver_subject is None
    assert ledger.ack_policy == "explicit"
    assert (ledger.max_deliver, ledger.ack_wait, ledger.max_ack_pending) == (-1, 45, 64)
    assert ledger.filter_subjects == ["evt.payment.done.v1.*", "evt.payment.failed.v1"]
    metadata = ledger.metadata or {}
    assert metadata["protonats.max_deliver"] == "5"
    assert metadata["protonats.backoff"] == "0.5,5,60"


async def test_a_bucket_is_used_like_any_key_value_bucket(
    connection: Connection, plan: dict[str, Any]
) -> None:
    await apply(connection.jetstream, plan, replicas=1)

    bucket = await connection.jetstream.key_value("ledger")
    revision = await bucket.create("alice", b"10")
    await bucket.update("alice", b"20", last=revision)
    assert (await bucket.get("alice")).value == b"20"
    await bucket.delete("alice")
    assert (await bucket.status()).history == 5


async def test_a_second_run_changes_nothing(connection: Connection, plan: dict[str, Any]) -> None:
    await apply(connection.jetstream, plan, replicas=1)
    changes = await apply(connection.jetstream, plan, replicas=1)

    assert set(actions(changes).values()) == {"unchanged"}


async def test_a_changed_plan_is_brought_to_what_exists_and_messages_stay(
    connection: Connection, plan: dict[str, Any]
) -> None:
    await apply(connection.jetstream, plan, replicas=1)
    await connection.jetstream.publish("evt.payment.done.v1.1", b"")
    plan["streams"][0]["max_age_seconds"] = None
    plan["consumers"][0]["backoff_seconds"] = [1]
    plan["consumers"][0]["filter_subjects"].append("evt.payment.undone.v1")
    plan["buckets"][0]["history"] = 9
    changes = await apply(connection.jetstream, plan, replicas=1)

    assert actions(changes) == {
        "stream PAYMENTS": "updated",
        "stream WORK": "unchanged",
        "consumer PAYMENTS/ledger": "updated",
        "bucket ledger": "updated",
    }
    info = await connection.jetstream.stream_info("PAYMENTS")
    assert (info.config.max_age, info.state.messages) == (0, 1)
    ledger = (await connection.jetstream.consumer_info("PAYMENTS", "ledger")).config
    assert ledger.filter_subjects == plan["consumers"][0]["filter_subjects"]
    assert (ledger.metadata or {})["protonats.backoff"] == "1"


async def test_what_the_plan_does_not_name_is_left_alone(
    connection: Connection, plan: dict[str, Any]
) -> None:
    await connection.jetstream.add_stream(name="OTHER", subjects=["other"])
    await apply(connection.jetstream, plan, replicas=1)

    assert (await connection.jetstream.stream_info("OTHER")).config.subjects == ["other"]


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("streams", 0, "retention"), "forever", "stream PAYMENTS: retention is 'forever': write"),
        (
            ("streams", 0, "storage"),
            "tape",
            "stream PAYMENTS: storage is 'tape': write one of file",
        ),
        (
            ("streams", 1, "subjects"),
            ["evt.>"],
            "stream WORK: the server refuses it: subjects overlap",
        ),
        (("streams", 0, "replicas"), 3, "stream PAYMENTS: the server refuses it: replicas > 1"),
        (
            ("consumers", 0, "stream"),
            "NONE",
            "consumer NONE/ledger: the server refuses it: stream not",
        ),
        (
            ("consumers", 0, "ack_wait_seconds"),
            "long",
            "consumer PAYMENTS/ledger: ack_wait_seconds is 'long': write a",
        ),
        (("streams", 0, "max_age_seconds"), -1, "stream PAYMENTS: max_age_seconds is -1: write a"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_cannot_be_is_refused_with_the_name_of_the_entry(
    connection: Connection, plan: dict[str, Any], path: tuple[Any, ...], value: Any, text: str
) -> None:
    for entry in (plan["streams"][0], plan["buckets"][0]):
        entry["replicas"] = 1
    target: Any = plan
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value

    with pytest.raises(ConfigurationError) as caught:
        await apply(connection.jetstream, plan)
    assert str(caught.value).startswith(text)


async def test_a_missing_field_is_named(connection: Connection) -> None:
    with pytest.raises(ConfigurationError, match=r"stream S: the plan has no 'subjects'"):
        await apply(connection.jetstream, {"streams": [{"name": "S"}]})
    with pytest.raises(ConfigurationError, match=r"consumer None/c: the plan has no 'stream'"):
        await apply(connection.jetstream, {"consumers": [{"durable": "c"}]})


async def test_a_change_that_the_server_refuses_names_the_stream(
    connection: Connection, plan: dict[str, Any]
) -> None:
    await apply(connection.jetstream, plan, replicas=1)
    plan["streams"][0]["storage"] = "memory"

    with pytest.raises(ConfigurationError, match="stream PAYMENTS: the server refuses it: stream"):
        await apply(connection.jetstream, plan, replicas=1)


async def test_a_server_without_jetstream_is_unavailable(plan: dict[str, Any]) -> None:
    with EmbeddedNats() as nats:
        async with await protonats.connect(nats.url) as connection:
            with pytest.raises(StatusError, match="stream PAYMENTS: JetStream does not") as caught:
                await apply(connection.jetstream, plan)
    assert caught.value.code is Code.UNAVAILABLE


def run(*arguments: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the log lines of the program."""
    process = subprocess.run(
        [sys.executable, "-m", "protonats.provision", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.stdout == ""
    return process.returncode, [json.loads(line) for line in process.stderr.splitlines()]


async def test_the_program_applies_a_file_and_logs_each_change(
    nats: EmbeddedNats, connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "jetstream.json"
    path.write_text(json.dumps(PLAN))
    code, lines = run(str(path), "--replicas", "1", NATS_URL=nats.url)

    assert code == 0
    assert [(line["event"], line["kind"], line["target"]) for line in lines] == [
        ("created", "stream", "PAYMENTS"),
        ("created", "stream", "WORK"),
        ("created", "consumer", "PAYMENTS/ledger"),
        ("created", "bucket", "ledger"),
    ]


@pytest.mark.parametrize(
    ("arguments", "content", "code", "text"),
    [
        ([], "", 64, "the following arguments are required: plan; usage: python -m protonats.prov"),
        (["none.json"], "", 64, "cannot read none.json: No such file or directory"),
        (["PATH"], "{", 78, "is no JSON: "),
        (["PATH"], "[]", 78, "is no plan: write an object with streams and consumers"),
        (["PATH"], "{}", 69, "no NATS server could be reached within 0.2 s at nats://127.0.0.1:1"),
    ],
)
def test_the_program_ends_with_one_clear_line(
    tmp_path: Path, arguments: list[str], content: str, code: int, text: str
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    arguments = [str(path) if argument == "PATH" else argument for argument in arguments]
    found, lines = run(*arguments, NATS_URL="nats://127.0.0.1:1", NATS_STARTUP_TIMEOUT="0.2")

    assert found == code
    errors = [line for line in lines if line["level"] == "error"]
    assert len(errors) == 1
    assert text in errors[0]["event"]
    assert errors[0]["exit_code"] == code


def test_help_describes_the_arguments_and_the_server() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "protonats.provision", "-h"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    words = " ".join(process.stdout.split())
    for text in ("NATS_URL", "plan the plan, for example", "--replicas REPLICAS replicas of every"):
        assert text in words
    assert process.stderr == ""
