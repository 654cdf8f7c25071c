"""What the tests of the outbox share; run as a program, a process that dies at a bad moment."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from google.protobuf.wrappers_pb2 import StringValue
from redis.asyncio import Redis, RedisCluster

import protonats
from protonats import Connection, Outbox, PublishAck
from protonats._outbox import relay
from protonats._publishing import store
from protonats.redis import connect_redis
from tests.functional.game import STREAM, GameServiceEvents

NAME = "game"


async def win(outbox: Outbox, player: str, value: str, **arguments: Any) -> None:
    """Sets a player's state, and tells of it."""
    async with outbox.change(player) as change:
        change.redis.set(change.key("state"), value)
        change.publish(GameServiceEvents.won, StringValue(value=value), **arguments)


async def waiting(redis: Redis | RedisCluster) -> int:
    """How many events wait in the outbox."""
    keys = [key async for key in redis.scan_iter(f"protonats:outbox:{{{NAME}:*}}:entries")]
    return sum([await redis.xlen(key) for key in keys])


async def stored(connection: Connection) -> list[str]:
    """The values of the events in the stream, in its order."""
    info = await connection.jetstream.stream_info(STREAM)
    values = []
    for sequence in range(1, info.state.last_seq + 1):
        message = await connection.jetstream.get_msg(STREAM, sequence)
        values.append(StringValue.FromString(message.data or b"").value)
    return values


async def _store_and_die(*arguments: Any) -> PublishAck:
    await store(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


async def _die(nats_url: str, redis_url: str, when: str) -> None:
    redis = await connect_redis(redis_url)
    if when == "published":
        relay.__dict__["store"] = _store_and_die
    async with (
        await protonats.connect(nats_url) as connection,
        Outbox(connection, redis, NAME, lease=1.0) as outbox,
    ):
        if when == "open":
            async with outbox.change("p-1") as change:
                change.redis.set(change.key("state"), "a")
                change.publish(GameServiceEvents.won, StringValue(value="a"))
                os.kill(os.getpid(), signal.SIGKILL)
        await win(outbox, "p-1", "a")
        if when == "written":
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_die(*sys.argv[1:]))
