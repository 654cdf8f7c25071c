"""One service in a process of its own, whose log lines are for people."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from protonats.testing._process import bound_command

__all__ = ["ServiceProcess"]

_GRACE: Final = 3.0
"""Seconds that a service gets to stop: somebody waits for it to run again."""

_LINE_LIMIT: Final = 1 << 20
_KNOWN: Final = frozenset({"time", "level", "event", "logger", "service", "instance", "exception"})


class ServiceProcess:
    """A running `python -m protonats.serve`."""

    def __init__(self, process: Process, say: Callable[[str, bool], None]) -> None:
        """Takes over a process whose output is a pipe; `start` makes one."""
        self._process = process
        self._say = say
        self._stopping = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        target: str,
        root: Path,
        environment: Mapping[str, str],
        say: Callable[[str, bool], None],
    ) -> Self:
        """Starts a process that serves `target`, `module:Class`.

        Args:
            target: What to serve.
            root: The folder to run in.
            environment: Its variables.
            say: Called with each line that it has to say, and whether that is a problem.
        """
        process = await asyncio.create_subprocess_exec(
            *bound_command([sys.executable, "-m", "protonats.serve", target]),
            cwd=root,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=environment,
            limit=_LINE_LIMIT,
            # Ctrl-C in a terminal reaches a whole process group; these are stopped in order.
            start_new_session=True,
        )
        return cls(process, say)

    async def stop(self) -> None:
        """Lets it end what it does, and kills it if that takes too long."""
        self._stopping = True
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _GRACE)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            for line, is_problem in _readable(raw.decode(errors="replace").rstrip()):
                self._say(line, is_problem)
        code = await self._process.wait()
        if not self._stopping:
            self._say(f"{_ending(code)}; it is started again when a file changes", True)


def _readable(line: str) -> Iterator[tuple[str, bool]]:
    """The lines for people of a line that a service wrote."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or "event" not in entry:
        yield line, False
        return
    is_problem = entry.get("level") in ("warning", "error", "critical")
    yield " ".join((str(entry["event"]), *_details(entry))), is_problem
    for text in str(entry.get("exception", "")).splitlines():
        yield f"  {text}", is_problem


def _details(entry: Mapping[str, Any]) -> Iterator[str]:
    for key, value in entry.items():
        if key not in _KNOWN and value is not None:
            yield f"{key}={value}"


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    return f"was killed ({signal.Signals(-code).name})"
