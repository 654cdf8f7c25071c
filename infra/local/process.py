"""One service in a process of its own, started as production starts it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

__all__ = ["ServiceProcess", "StartError", "how_it_ended"]

_LOG_LINES = 20
_LINE_LIMIT = 1 << 20

# Becomes the program once the kernel has promised to kill it when its parent ends, however that
# happens. `os.getppid()` covers a parent that ended before the call.
_SHIM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class StartError(Exception):
    """A process ended, or said nothing, before it served; the text has its last lines."""


class ServiceProcess:
    """A running `python -m protonats.serve`.

    Attributes:
        health: Where it answers `/readyz`, once it serves: host and port.
    """

    def __init__(self, process: Process) -> None:
        """Takes over a process whose standard error is a pipe; `start` makes one."""
        self.health: tuple[str, int] | None = None
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._serving = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, target: str, environment: Mapping[str, str]) -> Self:
        """Starts a process that is to serve `target`, `module:Class`."""
        process = await asyncio.create_subprocess_exec(
            *_command([sys.executable, "-m", "protonats.serve", target]),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            env=environment,
            limit=_LINE_LIMIT,
            # Ctrl-C in a terminal reaches a whole process group; these are stopped in order.
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    async def serving(self, timeout: float) -> None:
        """Returns once the process says that it serves.

        Raises:
            StartError: It ended before, or said nothing for `timeout` seconds.
        """
        said = asyncio.create_task(self._serving.wait())
        try:
            await asyncio.wait((said, self._reader), timeout=timeout, return_when="FIRST_COMPLETED")
        finally:
            said.cancel()
        if self._serving.is_set():
            return
        if self._reader.done():
            reason = how_it_ended(await self._process.wait())
        else:
            reason = f"did not serve within {timeout:.0f} s"
        raise StartError("\n".join([reason, *(f"  {line}" for line in self._lines)]))

    async def wait(self) -> int:
        """The exit code, once it has ended; negative for a signal."""
        return await self._process.wait()

    async def stop(self, grace: float) -> None:
        """Asks it to drain and end, and kills it after `grace` seconds."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace)
        except TimeoutError:
            await self.kill()
        await self._reader

    async def kill(self) -> None:
        """Ends it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stderr is not None
        # Whoever does not read blocks the writer, so this goes on until the pipe is closed.
        async for raw in self._process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            if not self._serving.is_set():
                self._look_for_serving(line)

    def _look_for_serving(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if isinstance(entry, dict) and entry.get("event") == "serving":
            host, _, port = str(entry.get("health", "")).rpartition(":")
            self.health = (host, int(port)) if port.isdigit() else None
            self._serving.set()


def how_it_ended(code: int) -> str:
    """An exit code in words: `ended with 1`, or `was killed (SIGKILL)` for a negative one."""
    if code >= 0:
        return f"ended with {code}"
    try:
        return f"was killed ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed (signal {-code})"


def _command(arguments: Sequence[str]) -> list[str]:
    if not sys.platform.startswith("linux"):
        return list(arguments)
    return [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), *arguments]
