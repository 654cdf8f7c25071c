"""`protonats dev`: NATS and the services of a project, as somebody works on them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from protoc_gen_nats.cli import main
from tests.projects import environment

pytestmark = pytest.mark.slow

PROTONATS = (sys.executable, "-c", "from protoc_gen_nats.launch import protonats; protonats()")
SERVING = r"shop  serving health=127\.0\.0\.1:\d+\n"


class Dev:
    """A running `protonats dev`."""

    def __init__(self, project: Path, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*PROTONATS, "dev", *arguments],
                cwd=project,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        return self._log.read_text()

    def until(self, condition: Callable[[], object]) -> None:
        """Waits for a condition; fails if the run ends before it holds."""
        deadline = time.monotonic() + 40
        while not condition():
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.02)

    def until_printed(self, pattern: str, times: int = 1) -> None:
        self.until(lambda: len(re.findall(pattern, self.printed)) >= times)

    @property
    def url(self) -> str:
        found = re.search(r"NATS  listens at (\S+),", self.printed)
        assert found, self.printed
        return found[1]

    def call(self, project: Path) -> str:
        """What the service answers to Ada."""
        command = [*PROTONATS, "call", "ShopService.Greet", '{"name": "Ada"}', "--wait"]
        done = subprocess.run(
            command,
            cwd=project,
            env=environment(NATS_URL=self.url),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running(project: Path, *arguments: str) -> Iterator[Dev]:
    dev = Dev(project, project.parent / "dev.log", *arguments)
    try:
        yield dev
    finally:
        dev.process.kill()
        dev.process.wait(30)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    result = CliRunner().invoke(main, ["init", str(tmp_path / "shop")])
    assert result.exit_code == 0, result.output
    return tmp_path / "shop"


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_service_runs_follows_each_edit_and_ends_in_order(shop: Path) -> None:
    with running(shop, "--port", "0") as dev:
        dev.until_printed(SERVING)
        assert "NATS  created stream SHOP_EVENTS\n" in dev.printed
        assert "Hello, Ada!" in dev.call(shop)

        replace(shop / "services/shop/service.py", "Hello, {", "Good day, {")
        dev.until_printed(SERVING, times=2)
        assert "services/shop/service.py changed\n" in dev.printed
        assert "Good day, Ada!" in dev.call(shop)

        schema = shop / "proto/shop/v1/shop.proto"
        replace(schema, "string text = 1;", "string text = 1")
        dev.until_printed(r"protonats  proto/shop/v1/shop\.proto:\d+:\d+: ")
        assert len(re.findall(SERVING, dev.printed)) == 2
        replace(schema, "string text = 1", "string text = 1;\n  string language = 2;")
        dev.until_printed(SERVING, times=3)
        assert re.search(r"protonats  \d generated files changed\n", dev.printed)
        assert "language" in (shop / "generated/python/shop/v1/shop_pb2.pyi").read_text()

        dev.process.send_signal(signal.SIGINT)
        assert dev.process.wait(30) == 0, dev.printed
        assert dev.printed.endswith("shop  stopped\n")
        assert "Traceback" not in dev.printed


def test_a_service_that_cannot_start_is_started_again_after_an_edit(shop: Path) -> None:
    service = shop / "services/shop/service.py"
    code = service.read_text()
    service.write_text("raise LookupError('no goods today')\n")

    with running(shop, "--port", "0", "--redis") as dev:
        dev.until_printed(r"Redis  listens at redis://127\.0\.0\.1:\d+\n")
        dev.until_printed("no goods today")
        dev.until_printed("shop  ended with 64; it is started again when a file changes\n")
        service.write_text(code)
        dev.until_printed(SERVING)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's promise is Linux's")
def test_nothing_outlives_a_run_that_was_killed(shop: Path) -> None:
    with running(shop, "--port", "0") as dev:
        dev.until_printed(SERVING)
        port = int(dev.url.rpartition(":")[2])
        health = int(re.findall(r"health=127\.0\.0\.1:(\d+)", dev.printed)[0])

        os.kill(dev.process.pid, signal.SIGKILL)
        dev.process.wait(30)

        deadline = time.monotonic() + 30
        while any(map(listens, (port, health))):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_in_use_and_an_unknown_service_are_named(shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        in_use = CliRunner().invoke(main, ["dev", "-C", str(shop), "--port", port])
    unknown = CliRunner().invoke(main, ["dev", "-C", str(shop), "shpo"])

    assert (in_use.exit_code, unknown.exit_code) == (1, 1)
    assert in_use.stderr == (
        f"error: port {port} is in use: stop what listens there, or choose another with --port\n"
    )
    assert unknown.stderr == "error: no service is called 'shpo': did you mean 'shop'?\n"
