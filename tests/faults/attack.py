"""What the tests with garbage share: sending it, and what must be true afterwards."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from collections.abc import Sequence
from pathlib import Path

from protonats._wire import call
from protonats.connection import Connection
from tests.functional.echo import dropped, eventually
from tests.functional.raw_nats import RawNats
from tests.functional.streams import Pair, each, text, values

BATCH = 500


def memory() -> int:
    """Bytes of memory that this process holds now, and could not give back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE")


async def settled(raw: RawNats, *connections: Connection) -> None:
    """Returns when the server has delivered all that the socket has sent, and the connections have
    read it."""
    raw.write(b"PING\r\n")
    await raw._await_pong()
    for connection in connections:
        await connection._transport.barrier()
    # Calls begin in tasks.
    await asyncio.sleep(0)


def all_dropped(connection: Connection) -> int:
    """How many messages a connection has dropped, none of them because a callback raised; answers
    that could not be sent are none that came."""
    counts = dropped(connection)
    assert "defect" not in counts
    return sum(count for reason, count in counts.items() if reason != "answer")


def cancel(raw: RawNats, call_ids: Sequence[str]) -> None:
    """Gives up calls of the echo service."""
    for call_id in call_ids:
        block = call.encode_block(call_id, 0, None)
        raw.publish("svc.echo.v1._cancel", b"", headers=block)


async def cancel_all(raw: RawNats, both: Pair) -> None:
    """Gives up all calls that the instance has: garbage may have asked for hours."""
    await settled(raw, both.server)
    cancel(raw, list(both.instance._serving.cancellations._calls))
    await settled(raw, both.server)
    await eventually(lambda: not both.left())


async def all_kinds_work(both: Pair) -> None:
    """Makes a good call of each kind."""
    client = both.client
    assert (await client.say(text("hello"))).value == "hello"
    assert await values(client.watch(text("3"))) == ["0", "1", "2"]
    assert (await client.ingest(each(1, 2, 3))).value == "1,2,3"
    assert await values(client.chat(each("a", "b"))) == ["a", "b"]
