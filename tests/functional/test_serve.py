"""`python -m protonats.serve`: what it logs, and how it ends."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats import Connection, provision, settings
from protonats._consuming.consumer import Consumer
from protonats.serve import _end, main
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.game import (
    STREAM,
    Game,
    GameServiceClient,
    GameServicePublisher,
    plan,
    until,
)
from tests.functional.http import ask
from tests.functional.processes import SERVED, serve

pytestmark = pytest.mark.anyio


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


async def test_a_service_says_when_it_serves_and_stops_on_request(
    nats: EmbeddedNats, connection: Connection
) -> None:
    async with serve("Echo", NATS_URL=nats.url) as process:
        line = await process.line("serving")
        assert line["level"] == "info"
        assert line["service"] == "echo"
        assert len(line["instance"]) == 16
        assert (await ask(line["health"], "/readyz")).status == 200
        answer = await GameServiceClient(connection).echo(StringValue(value="hi"))
        assert answer.value == "hi"

        os.kill(process.pid, signal.SIGTERM)
        assert await process.exit_code() == 0
        assert (await process.line("stopping"))["signal"] == "SIGTERM"
        assert process.lines[-1]["event"] == "stopped"
        assert process.events("error") == process.events("warning") == []


async def test_several_services_in_one_process(nats: EmbeddedNats, connection: Connection) -> None:
    await provision.apply(connection.jetstream, plan())
    async with serve("Echo", "tests.functional.game:Game", NATS_URL=nats.url) as process:
        await until(lambda: process.events("info").count("serving") == 2)
        assert {line["service"] for line in process.lines} == {"echo", "game"}
        os.kill(process.pid, signal.SIGINT)
        assert await process.exit_code() == 0


async def test_sigterm_lets_a_running_call_finish(
    nats: EmbeddedNats, connection: Connection, tmp_path: Path
) -> None:
    async with serve("Slow", NATS_URL=nats.url) as process:
        await process.line("serving")
        request = StringValue(value=str(tmp_path / "call"))
        call = asyncio.create_task(GameServiceClient(connection).echo(request))
        await until((tmp_path / "call.begun").exists)
        os.kill(process.pid, signal.SIGTERM)
        await process.line("stopping")
        os.kill(process.pid, signal.SIGTERM)
        (tmp_path / "call.go").touch()
        assert await call == request
        assert await process.exit_code() == 0


async def test_a_process_killed_during_a_delivery_loses_nothing(
    nats: EmbeddedNats, connection: Connection, tmp_path: Path
) -> None:
    await provision.apply(connection.jetstream, plan(ack_wait_seconds=1, max_deliver=5))
    async with serve("Stuck", cwd=tmp_path, NATS_URL=nats.url) as process:
        await process.line("serving")
        await GameServicePublisher(connection).publish_won(StringValue(value="precious"))
        await until((tmp_path / "events").exists)
        os.kill(process.pid, signal.SIGKILL)
        assert await process.exit_code() == -signal.SIGKILL

    game = Game()
    consumer = Consumer(connection, Game.__protonats__.consumers[0], game)
    await consumer.start()
    await until(lambda: game.values == ["precious"])
    assert game.events[0][1].delivery > 1
    await consumer.drain(1)
    assert (await connection.jetstream.stream_info(STREAM)).state.messages == 1


async def test_redis_is_there_for_a_service_that_asks_for_it(nats: EmbeddedNats) -> None:
    with EmbeddedRedis() as redis:
        async with serve("NeedsRedis", NATS_URL=nats.url, REDIS_URL=redis.url) as process:
            await process.line("serving")
            os.kill(process.pid, signal.SIGTERM)
            assert await process.exit_code() == 0


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ([], "write python -m protonats.serve MODULE:CLASS, with one or more classes"),
        (["services.quest"], "'services.quest' names no class: write MODULE:CLASS, for example"),
        ([":Quest"], "':Quest' names no class"),
        (["no.such.module:Quest"], "cannot import no.such.module: No module named 'no'"),
        (["broken:Quest"], "cannot import broken: ZeroDivisionError: division by zero"),
        (["outdated:Quest"], "cannot import outdated: this code was generated for contract 0 of"),
        (["Missing"], f"module {SERVED} has no Missing"),
        (["NOTHING"], f"module {SERVED} has no NOTHING"),
        (["Path"], f"{SERVED}:Path is no class that derives from a generated server"),
        (
            ["Unfinished"],
            f"{SERVED}:Unfinished lacks the methods echo, on_scored, on_won: write them",
        ),
        (
            ["Demanding"],
            f"{SERVED}:Demanding is made with (application: 'protonats.Application', more",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and value else "",
)
async def test_a_class_that_cannot_be_loaded_is_64(
    tmp_path: Path, classes: list[str], text: str
) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "outdated.py").write_text("from protonats._codegen import *; require_contract(0)")
    async with serve(*classes, cwd=tmp_path) as process:
        assert await process.exit_code() == 64
        (line,) = process.lines
        assert line["level"] == "error"
        assert line["event"].startswith(text)
        assert line["exit_code"] == 64
        assert ("exception" in line) == (classes == ["broken:Quest"])


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (
            {"NATS_URL": "http://:s3cret@host"},
            "servers (NATS_URL) has 'http://***@host': write a URL",
        ),
        ({"PROTONATS_GRACE_PERIOD": "soon"}, "PROTONATS_GRACE_PERIOD is 'soon': write a number"),
        (
            {"PROTONATS_HEALTH_ADDRESS": "8080"},
            "PROTONATS_HEALTH_ADDRESS is '8080': write host:port",
        ),
        ({"REDIS_URL": "memcached://host"}, "redis_url (REDIS_URL) has 'memcached://host': write"),
        ({"NATS_CREDS": "/no/such/file"}, "NATS_CREDS names /no/such/file, which cannot be read: "),
    ],
    ids=["url", "number", "address", "redis", "file"],
)
async def test_a_wrong_setting_is_78(environment: dict[str, str], text: str) -> None:
    async with serve("Echo", cwd=None, **environment) as process:
        assert await process.exit_code() == 78
        (line,) = process.lines
        assert line["event"].startswith(text)
        assert "s3cret" not in json.dumps(process.lines)


async def test_a_missing_redis_url_is_78(nats: EmbeddedNats) -> None:
    async with serve("NeedsRedis", NATS_URL=nats.url) as process:
        assert await process.exit_code() == 78
        assert process.events("error")[0].startswith("REDIS_URL is not set, and this service needs")


async def test_a_missing_stream_is_78_and_names_the_command(
    nats: EmbeddedNats, connection: Connection
) -> None:
    async with serve("tests.functional.game:Game", NATS_URL=nats.url) as process:
        assert await process.exit_code() == 78
        (line,) = [line for line in process.lines if line["level"] == "error"]
        assert line["event"] == (
            "consumer game_events: no stream stores evt.game.won.v1.*: create it with"
            " `python -m protonats.provision generated/deploy/nats/jetstream.json`"
        )
        assert "exception" not in line


async def test_no_nats_is_tried_again_and_then_69() -> None:
    with EmbeddedNats() as nats:
        url = nats.url
    secret = url.replace("//", "//game:s3cret@")
    async with serve("Echo", NATS_URL=secret, NATS_STARTUP_TIMEOUT="0.8") as process:
        assert await process.exit_code() == 69
        (error,) = process.events("error")
        assert error.startswith(
            f"no NATS server could be reached within 0.8 s at {_shown(url)}; the"
        )
        (warning,) = process.events("warning")
        assert warning.startswith("cannot connect to NATS at ")
        assert "s3cret" not in json.dumps(process.lines)


async def test_the_pauses_between_attempts_grow() -> None:
    attempts = 0

    def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with serve("Echo", NATS_URL=url, NATS_STARTUP_TIMEOUT="0.8") as process:
            assert await process.exit_code() == 69
    # 50 ms, doubled at each attempt: 0.8 s are enough for three and too short for ten.
    assert 3 <= attempts < 10


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_text_on_stdout(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0
    out, err = capfd.readouterr()
    assert out.startswith(
        "usage: python -m protonats.serve [--check] [--interceptor MODULE:CLASS ...]"
    )
    for variable in set(re.findall(r'\("([A-Z]+_[A-Z_]+)"', inspect.getsource(settings))):
        assert variable in out
    assert "  69  NATS cannot be reached" in out
    assert err == ""


def _shown(url: str) -> str:
    return url.replace("//", "//***@")


async def test_nats_may_come_up_later() -> None:
    with EmbeddedNats() as nats:
        nats.stop()
        async with serve("Echo", NATS_URL=nats.url) as process:
            await until(lambda: process.events("warning"))
            nats.start()
            await process.line("serving")
            os.kill(process.pid, signal.SIGTERM)
            assert await process.exit_code() == 0


async def test_sigterm_ends_an_attempt_to_start() -> None:
    async with serve("Echo", NATS_URL="nats://127.0.0.1:1") as process:
        await until(lambda: process.events("warning"))
        os.kill(process.pid, signal.SIGTERM)
        assert await process.exit_code() == 0
        assert process.lines[-1]["event"] == "stopped before it served"


_STOPPED_WHILE_SERVING = """
import logging, os, signal, sys
from protonats.serve import main

sys.modules["uvloop"] = None  # the loop whose order of callbacks is known

def stop(record):
    if record.getMessage() == "serving":
        os.kill(os.getpid(), signal.SIGTERM)
    return True

logging.getLogger("protonats").addFilter(stop)
sys.exit(main(sys.argv[1:]))
"""


async def test_sigterm_at_the_moment_of_serving_is_not_lost(nats: EmbeddedNats) -> None:
    async with serve("Echo", program=_STOPPED_WHILE_SERVING, NATS_URL=nats.url) as process:
        assert await process.exit_code() == 0
        assert process.lines[-1]["event"] == "stopped"


async def test_a_start_that_loses_a_cancellation_ends_all_the_same() -> None:
    lost: list[bool] = []

    async def start() -> protonats.Application:
        for _ in range(3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost.append(True)
        await asyncio.Event().wait()
        return protonats.Application()

    starting = asyncio.create_task(start())
    await asyncio.sleep(0)
    await asyncio.wait_for(_end(starting), 20)
    assert starting.cancelled()
    assert len(lost) == 3


async def test_a_connection_that_the_server_closes_for_good_is_69() -> None:
    expire = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As much of a NATS server as it takes, until the user's credentials expire."""
        info = {"server_id": "X", "version": "2.11.0", "max_payload": 1 << 20, "headers": True}
        writer.write(f"INFO {json.dumps(info)}\r\n".encode())
        expiring = asyncio.create_task(expire.wait())
        while not expiring.done():
            reading = asyncio.create_task(reader.readline())
            await asyncio.wait((reading, expiring), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
            elif not reading.result():
                break
            elif reading.result() == b"PING\r\n":
                writer.write(b"PONG\r\n")
        expiring.cancel()
        writer.write(b"-ERR 'User Authentication Expired'\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, serve("Echo", NATS_URL=f"nats://127.0.0.1:{port}") as process:
        await process.line("serving")
        expire.set()
        assert await process.exit_code() == 69
        error = process.events("error")[-1]
        assert error.startswith("the connection to NATS is closed for good: ")
        assert "user authentication expired" in error.lower()


async def test_a_defect_is_70_with_its_traceback(nats: EmbeddedNats) -> None:
    async with serve("Broken", NATS_URL=nats.url) as process:
        assert await process.exit_code() == 70
        (line,) = [line for line in process.lines if line["level"] == "error"]
        assert line["event"] == "no idea"
        assert line["exit_code"] == 70
        assert line["exception"].endswith("RuntimeError: no idea")
