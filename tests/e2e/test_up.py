"""`python infra/local up`, which is what `make up` runs: 22 services, as a person sees them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
SERVICES = 22
IMPLEMENTED = {"npc_behavior", "quest", "state_manager"}


class Platform:
    """A running `up`, its temporary files in a directory of its own."""

    def __init__(self, folder: Path, *arguments: str, root: Path = ROOT) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self._output, self._notes = folder / "stdout", folder / "stderr"
        with self._output.open("wb") as output, self._notes.open("wb") as notes:
            self._process = subprocess.Popen(
                [sys.executable, root / "infra" / "local", "up", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=notes,
                env=os.environ | {"TMPDIR": str(self.temporary)},
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def notes(self) -> str:
        return self._notes.read_text()

    @property
    def view(self) -> dict[str, Any]:
        """The latest JSON object that was printed whole; empty before the first."""
        lines = self.output.split("\n")[:-1]
        return dict(json.loads(lines[-1])) if lines else {}

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["service"]: row for row in self.view.get("rows", ())}

    def until(self, condition: Callable[[], object], seconds: float = 90) -> None:
        """Waits for a condition; fails if the run ends before it holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            text = f"{self.output[-2000:]}\n{self.notes[-4000:]}"
            assert self._process.poll() is None, f"up ended:\n{text}"
            assert time.monotonic() < deadline, f"waited for {seconds} s:\n{text}"
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, seconds: float = 90) -> int:
        """Waits for the end; gives the exit code."""
        return self._process.wait(seconds)

    def close(self) -> None:
        """Ends the run if it has not ended."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)


@contextmanager
def platform(folder: Path, *arguments: str, root: Path = ROOT) -> Iterator[Platform]:
    """Runs `up`, and looks at its end for whatever it has left behind."""
    started = Platform(folder, *arguments, root=root)
    try:
        yield started
    finally:
        started.close()
    said = started.notes + started.output
    pids = [int(pid) for pid in re.findall(r"serving as process (\d+)", said)]
    ports = [int(port) for port in re.findall(r"(?:NATS|Redis) at \w+://127\.0\.0\.1:(\d+)", said)]
    assert [pid for pid in pids if exists(pid)] == []
    assert [port for port in ports if listens(port)] == []
    assert list(started.temporary.iterdir()) == []


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        for server in servers:
            stack.enter_context(server)
        return [int(server.getsockname()[1]) for server in servers]


def test_two_copies_run_side_by_side_and_end_after_the_tour(tmp_path: Path) -> None:
    with (
        platform(tmp_path / "a", "--exit") as shown,
        platform(tmp_path / "b", "--exit", "--json") as told,
    ):
        assert shown.ended(150) == 0, shown.output + shown.notes
        assert told.ended(150) == 0, told.output + told.notes

        assert told.view["toured"]
        assert all(step["passed"] for step in told.view["steps"])
        load = re.fullmatch(
            r"(\d+) calls: 300 of each of (\d+) methods, 20 of each that is unimplemented",
            told.view["steps"][-1]["name"],
        )
        assert load
        assert (int(load[1]) - 300 * int(load[2])) % 20 == 0
        assert len(told.rows) == SERVICES
        assert all(row["instances"] == 1 and row["calls"] >= 1 for row in told.rows.values())
        assert all(row["failed"] == row["restarts"] == 0 for row in told.rows.values())
        assert {row["state"] for row in told.rows.values()} <= {"serving", "unimplemented"}
        assert all(told.rows[name]["state"] == "serving" for name in IMPLEMENTED)
        for name, row in told.rows.items():
            assert re.search(rf"^ *{name} +{row['state']} ", shown.output, re.MULTILINE)
        assert told.view["servers"]["nats_url"] not in shown.output


def test_what_dies_or_hangs_is_started_again_while_the_rest_goes_on(tmp_path: Path) -> None:
    nats, monitor = free_ports(2)
    ports = ("--nats-port", str(nats), "--monitor", str(monitor))
    with platform(tmp_path, "--json", *ports) as running:
        running.until(lambda: running.view)
        before = running.rows
        assert running.view["servers"]["nats_url"] == f"nats://127.0.0.1:{nats}"
        assert listens(monitor)

        os.kill(before["auth"]["pid"], signal.SIGKILL)
        os.kill(before["payment"]["pid"], signal.SIGSTOP)
        running.until(lambda: running.rows["auth"]["state"] == "restarting")
        victims = ("auth", "payment")
        running.until(lambda: all(running.rows[name]["restarts"] == 1 for name in victims))
        running.until(lambda: all(running.rows[name]["instances"] == 1 for name in victims))

        after = running.rows
        others = before.keys() - set(victims)
        running.until(lambda: all(running.rows[n]["calls"] > after[n]["calls"] for n in before))
        assert all(running.rows[name]["pid"] == before[name]["pid"] for name in others)
        assert all(running.rows[name]["failed"] == 0 for name in others)

        ended = rf"auth: process {before['auth']['pid']} was killed \(SIGKILL\); starting it again"
        assert re.search(ended, running.notes)

        running.signal(signal.SIGINT)
        assert running.ended() == 0
        assert running.notes.count("stopping") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_stopped_while_it_starts_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    with platform(tmp_path) as starting:
        starting.until(lambda: "serving as process" in starting.output)

        starting.signal(number)

        assert starting.ended() == 130


def test_a_run_ends_when_a_server_ends_by_itself(tmp_path: Path) -> None:
    with platform(tmp_path, "--json") as running:
        running.until(lambda: running.view)
        servers = running.view["servers"]

        os.kill(servers["nats_pid"], signal.SIGKILL)

        assert running.ended() == 1
        assert running.notes.count("error: ") == 1
        assert "error: NATS was killed (SIGKILL)\n" in running.notes
        assert "Traceback" not in running.notes
        assert not exists(servers["nats_pid"])
        assert not exists(servers["redis_pid"])


def test_a_taken_port_is_named_and_what_had_started_is_stopped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with platform(tmp_path, "--redis-port", str(port)) as failing:
            assert failing.ended() == 1

            assert "error: redis-server did not start" in failing.output
            assert str(port) in failing.output
            assert "Traceback" not in failing.notes


def test_a_service_that_cannot_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "platform"
    for folder in ("generated", "infra/local", "services"):
        shutil.copytree(ROOT / folder, broken / folder)
    service = broken / "services" / "auth" / "service.py"
    service.write_text("raise LookupError('no sessions today')\n")

    with platform(tmp_path, root=broken) as failing:
        assert failing.ended() == 1

        assert "error: auth ended with" in failing.output
        assert "no sessions today" in failing.output


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's promise is Linux's")
def test_services_do_not_outlive_a_run_that_was_killed(tmp_path: Path) -> None:
    killed = Platform(tmp_path)
    try:
        killed.until(lambda: killed.output.count("serving as process") >= 3)
        pids = [int(pid) for pid in re.findall(r"serving as process (\d+)", killed.output)]
        killed.signal(signal.SIGKILL)
        killed.ended()

        deadline = time.monotonic() + 30
        while any(map(exists, pids)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        killed.close()
