"""What commands do in a terminal: a table that is renewed, colours, completion, Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from protoc_gen_nats.cli import main
from tests.functional.live.orders import Shop

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command in a pseudo-terminal."""

    def __init__(self, shop: Shop, *arguments: str, columns: int = 80) -> None:
        self.screen = ""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        self.process = shop.start(*arguments, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)

    def shows(self, pattern: str, *, timeout: float = 20.0) -> None:
        """Waits until the terminal has shown something."""
        end = time.monotonic() + timeout
        while not re.search(pattern, _ESCAPES.sub("", self.screen)):
            assert time.monotonic() < end, f"no {pattern} in {self.screen}"
            self._read(0.1)

    def ends(self) -> int:
        """Waits for the end, and gives the exit code."""
        while self.process.poll() is None:
            self._read(0.1)
        return self.process.wait()

    def _read(self, timeout: float) -> None:
        ready, _, _ = select.select([self._master], [], [], timeout)
        if ready:
            try:
                self.screen += os.read(self._master, 65536).decode("utf-8", "replace")
            except OSError:  # the other side is closed
                return

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


@contextmanager
def terminal(shop: Shop, *arguments: str, columns: int = 80) -> Iterator[Terminal]:
    one = Terminal(shop, *arguments, columns=columns)
    try:
        yield one
    finally:
        one.close()


def test_statistics_are_renewed_until_ctrl_c(shop: Shop) -> None:
    with terminal(shop, "stats", "--watch", "--interval", "0.3") as screen:
        screen.shows("Looking at all services; Ctrl-C ends it")
        screen.shows(r"1 instance; Ctrl-C ends it")
        shop.typed("call", "order.place", '{"item": "tea"}')
        screen.shows(r"place +[1-9][0-9.]* +0\.0 +[0-9.]+ ms")
        shop.typed("call", "order.place", "{}")
        screen.shows(r"place +[1-9][0-9.]* +[1-9][0-9.]* +[0-9.]+ ms")
        screen.process.send_signal(signal.SIGINT)
        assert screen.ends() == 0
    assert "Traceback" not in screen.screen
    assert "Aborted" not in screen.screen


def test_statistics_leave_out_what_a_narrow_terminal_has_no_room_for(shop: Shop) -> None:
    with terminal(shop, "stats", "--watch", "--interval", "0.3", columns=46) as screen:
        screen.shows(r"service  method  requests/s  errors/s\s")
        screen.shows(r"order    double         0\.0       0\.0\s")
        screen.process.send_signal(signal.SIGINT)
        assert screen.ends() == 0


def test_statistics_are_lines_where_there_is_no_terminal(shop: Shop) -> None:
    process = shop.start("stats", "order", "--watch", "--interval", "0.3", stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    lines: list[bytes] = []
    while not (lines and b"most order.place" in lines[-1]):
        shop.typed("call", "order.place", '{"item": "tea"}')
        lines.append(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)

    assert (process.returncode, errors) == (0, b"")
    assert re.fullmatch(
        rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  1 instance  [0-9.]+ requests/s  0\.0 errors/s"
        rb"  [0-9.]+ ms  most order\.place\n",
        lines[-1],
    )


def test_statistics_are_objects_for_scripts(shop: Shop) -> None:
    process = shop.start(
        "stats", "order", "--watch", "--interval", "0.3", "--json", stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process:
        line = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
    assert line["seconds"] >= 0.3
    assert {one["method"] for one in line["methods"]} == {"place", "count", "add", "double"}


def test_a_table_in_a_terminal_has_colours_and_no_blanks_at_the_end(shop: Shop) -> None:
    with terminal(shop, "ls") as screen:
        screen.shows(r"acme\.orders\.v1\.OrderService")
        assert screen.ends() == 0
    assert "\x1b[1mservice\x1b[0m" in screen.screen
    lines = _ESCAPES.sub("", screen.screen).replace("\r", "").splitlines()
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        (["call"], "acme.orders.v1.OrderService.", ["Add", "Count", "Double", "Place"]),
        (["publish"], "acme", ["acme.orders.v1.Blinked", "acme.orders.v1.OrderPlaced"]),
        (["subscribe"], "acme.orders.v1.O", ["acme.orders.v1.OrderPlaced"]),
        (["describe"], "acme.shipping", ["acme.shipping.v1.ShippingService"]),
        (["stats"], "o", ["order"]),
        (["ping"], "x", []),
        (["call"], "order.p", ["order.place"]),
        (["subscribe"], "OrderP", ["OrderPlaced"]),
        (["explain"], "ord", ["order", "order.add", "order.count", "order.double", "order.place"]),
        (["explain"], "acme.shipping", ["acme.shipping.v1.ShippingService"]),
        (["dev"], "o", ["order"]),
        (["graph", "--focus"], "o", ["order"]),
    ],
)
def test_names_are_completed(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    incomplete: str,
    expected: list[str],
) -> None:
    monkeypatch.chdir(shop.project.root)
    completion = ShellComplete(main, {}, "protonats", "_PROTONATS_COMPLETE")
    found = [item.value for item in completion.get_completions(arguments, incomplete)]
    assert found == [name if name[0].islower() or name.startswith("Order") else incomplete + name
                     for name in expected]  # fmt: skip


def test_nothing_is_completed_where_nothing_is_generated(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    completion = ShellComplete(main, {}, "protonats", "_PROTONATS_COMPLETE")
    assert completion.get_completions(["call"], "a") == []


@pytest.mark.parametrize(
    ("typed", "advice"),
    [("genrate", "did you mean 'generate'?"), ("stremas", "did you mean 'streams'?")],
)
def test_a_command_that_is_mistyped_is_said(typed: str, advice: str) -> None:
    result = CliRunner().invoke(main, [typed])
    assert result.exit_code == 2
    assert f"Error: there is no command {typed!r}: {advice}\n" in result.stderr


_COMMANDS = (
    "call", "ls", "describe", "ping", "stats", "publish", "subscribe", "streams", "streams ls",
    "streams plan", "streams apply", "doctor", "dlq", "dlq list",
)  # fmt: skip


@pytest.mark.parametrize("command", _COMMANDS)
def test_help_has_examples(command: str) -> None:
    result = CliRunner().invoke(main, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"\n  Examples:\n    protonats {command.split()[0]}" in result.stdout
