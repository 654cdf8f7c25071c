"""Processes of `python -m protonats.serve` that a test starts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.functional.game import until

_PATH = os.pathsep.join(os.path.abspath(path) for path in sys.path)
SERVED = "tests.functional.served"


class Process:
    """A running `python -m protonats.serve`, and the lines that it has logged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[dict[str, Any]] = []
        self._process = process
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.lines.append(json.loads(line))

    def events(self, level: str) -> list[str]:
        """The messages of one level."""
        return [line["event"] for line in self.lines if line["level"] == level]

    async def line(self, event: str) -> dict[str, Any]:
        """The first line with this message; waits for it."""
        await until(lambda: any(line["event"] == event for line in self.lines))
        return next(line for line in self.lines if line["event"] == event)

    async def exit_code(self) -> int:
        """Waits for the end."""
        async with asyncio.timeout(30):
            await self._reading
            return await self._process.wait()

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self.exit_code()


@asynccontextmanager
async def serve(
    *classes: str, program: str | None = None, cwd: Path | None = None, **environment: str
) -> AsyncIterator[Process]:
    """Starts a process, of `program` if there is one; it is killed at the end if it still runs."""
    started = ("-m", "protonats.serve") if program is None else ("-c", program)
    names = [
        name if ":" in name or not name[0].isupper() else f"{SERVED}:{name}" for name in classes
    ]
    process = Process(
        await asyncio.create_subprocess_exec(
            sys.executable,
            *started,
            *names,
            cwd=cwd,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": _PATH,
                "PROTONATS_HEALTH_ADDRESS": "127.0.0.1:0",
                **environment,
            },
            stderr=asyncio.subprocess.PIPE,
        )
    )
    try:
        yield process
    finally:
        await process.stop()
