"""A process with one side of the echo service: `python -m tests.faults.peer SIDE URL [SECONDS]`.

`serve` serves streams that go on for ever, `call` opens one of each kind and never leaves them. Its
wall clock is SECONDS ahead. It says `ready` when it serves, or when all streams are open.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from protonats._serving.instance import Instance
from protonats.connection import connect
from protonats.server import CallContext
from protonats.settings import ConnectionSettings
from tests.functional.echo import eventually
from tests.functional.streams import Responses, StreamClient, Streams, text, values

INTERVAL = 0.2


@asynccontextmanager
async def peer(side: str, url: str, *, ahead: int = 0) -> AsyncIterator[asyncio.subprocess.Process]:
    """Starts the process; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.peer", side, url, str(ahead)),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ticks() -> Responses:
    """A message now and then."""
    while True:
        yield text("tick")
        await asyncio.sleep(INTERVAL)


class Endless(Streams):
    """Streams that end when their callers leave."""

    async def watch(self, request: object, context: CallContext) -> Responses:
        async for tick in ticks():
            yield tick


async def _serve(url: str) -> None:
    settings = ConnectionSettings(servers=(url,), name="echo", keepalive_interval=INTERVAL)
    async with await connect(settings) as connection:
        await Instance(connection, Endless()).start()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def _call(url: str) -> None:
    settings = ConnectionSettings(servers=(url,), name="caller", keepalive_interval=INTERVAL)
    async with await connect(settings) as connection:
        client = StreamClient(connection)
        calls = asyncio.gather(
            values(client.watch(text("1"), timeout=60)),
            client.ingest(ticks(), timeout=60),
            values(client.chat(ticks(), timeout=60)),
            client.say(text("never"), timeout=60),
        )
        await eventually(lambda: len(connection._streams) == 3)
        print("ready", flush=True)
        await calls


def _set_clock(ahead: int) -> None:
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + ahead
    time.time_ns = lambda: nanoseconds() + ahead * 1_000_000_000


if __name__ == "__main__":
    _set_clock(int(sys.argv[3]))
    asyncio.run({"serve": _serve, "call": _call}[sys.argv[1]](sys.argv[2]))
