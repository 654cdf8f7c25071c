"""The processes of the peers, and what processor time and memory they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from bench.peer import Outcome, Place

__all__ = [
    "Worker",
    "WorkerError",
    "cpu_seconds",
    "peak_bytes",
    "processor_times",
    "resident_bytes",
]

_START_TIMEOUT: Final = 30.0
_STOP_TIMEOUT: Final = 10.0


class WorkerError(Exception):
    """A process could not do what it was asked for; the text says why."""


class Worker:
    """A process of a peer; leaving its context ends it."""

    def __init__(
        self, peer: str, role: str, place: Place, environment: Mapping[str, str] | None
    ) -> None:
        """Starts it, and waits until it is ready.

        Raises:
            WorkerError: It did not start.
        """
        self._what = f"the {role} of {peer}" if role == "client" else f"the server of {peer}"
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        command = [sys.executable, "-m", "bench.worker", peer, role, json.dumps(asdict(place))]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self.ready: dict[str, Any] = self._answer(_START_TIMEOUT)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def run(self, workload: str, *arguments: float, timeout: float = 120.0) -> Outcome:
        """Runs a workload of a client.

        Raises:
            WorkerError: It failed, or took longer than `timeout` seconds.
        """
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(BrokenPipeError):  # the answer says why
            stdin.write(json.dumps({"workload": workload, "arguments": arguments}) + "\n")
            stdin.flush()
        outcome: Outcome = self._answer(timeout)["outcome"]
        return outcome

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        timer = threading.Timer(timeout, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timed_out = timer.finished.is_set()
            timer.cancel()
        if not line:
            why = f"did not answer within {timeout:g} s" if timed_out else "ended"
            raise WorkerError(f"{self._what} {why}{self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "problem" in answer:
            raise WorkerError(f"{self._what}: {answer['problem']}")
        return answer

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has taken so far, in user and system mode.

    Raises:
        WorkerError: This machine has no /proc.
    """
    return sum(processor_times(pid))


def processor_times(pid: int) -> tuple[float, float]:
    """The seconds of processor time that a process has taken so far in user and in system mode.

    Raises:
        WorkerError: This machine has no /proc.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        raise WorkerError("processor time is read from /proc, which is not here") from None
    user, system = text.rpartition(")")[2].split()[11:13]  # proc(5)
    tick = os.sysconf("SC_CLK_TCK")
    return int(user) / tick, int(system) / tick


def resident_bytes(pid: int) -> int:
    """The resident memory of a process.

    Raises:
        WorkerError: This machine has no /proc.
    """
    try:
        text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    except OSError:
        raise WorkerError("memory is read from /proc, which is not here") from None
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes(pid: int) -> int:
    """The greatest resident memory that a process had so far.

    Raises:
        WorkerError: This machine has no /proc.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        raise WorkerError("memory is read from /proc, which is not here") from None
    (peak,) = (line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(peak) * 1024
