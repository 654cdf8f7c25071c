"""All keys of a change are in one hash slot, whichever argument of a command they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from protonats import Code, Connection, StatusError
from protonats._outbox.keys import _COUNTED, _PLACES, _STORE, hash_tag, keys_of
from protonats.outbox import Outbox
from protonats.redis import connect_redis
from protonats.testing import EmbeddedRedis, LocalPlatform

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
async def redis(server: EmbeddedRedis) -> AsyncIterator[Redis]:
    client = await connect_redis(server.url)
    assert isinstance(client, Redis)
    yield client
    await client.aclose()


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    async with LocalPlatform() as platform:
        yield platform.connection


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "k"),
        ("SET", "k", "v"),
        ("hset", "k", "f", "v"),
        ("DEL", "k", "l", "m"),
        ("MSET", "k", "v", "l", "w"),
        ("RENAME", "k", "l"),
        ("COPY", "k", "l"),
        ("SMOVE", "k", "l", "member"),
        ("LMOVE", "k", "l", "LEFT", "RIGHT"),
        ("SINTERSTORE", "k", "l", "m"),
        ("ZRANGESTORE", "k", "l", "0", "-1"),
        ("GEOSEARCHSTORE", "k", "l", "FROMMEMBER", "m", "BYRADIUS", "1", "km"),
        ("BITOP", "AND", "k", "l", "m"),
        ("ZUNIONSTORE", "k", "2", "l", "m", "WEIGHTS", "1", "2"),
        ("ZDIFFSTORE", "k", "1", "l"),
        ("ZUNION", "2", "k", "l"),
        ("SORT", "k", "ALPHA", "STORE", "l"),
        ("GEORADIUS", "k", "1", "2", "3", "km", "STORE", "l"),
        ("GEORADIUSBYMEMBER", "k", "m", "3", "km", "STOREDIST", "l"),
    ],
)
async def test_keys_are_found_as_redis_finds_them(redis: Any, command: tuple[str, ...]) -> None:
    name, *arguments = (word.encode() for word in command)
    found = await redis.execute_command("COMMAND GETKEYS", *command)
    assert sorted(key.decode() for key in keys_of(name, arguments)) == sorted(found)


async def test_each_command_of_redis_with_more_than_one_key_is_known(redis: Any) -> None:
    commands = await redis.execute_command("COMMAND")
    several = {
        name.upper().encode()
        for name, command in commands.items()
        if command["first_key_pos"] == 1
        and (command["last_key_pos"] != 1 or "movablekeys" in command["flags"])
        # A script may not run these.
        and "noscript" not in command["flags"]
    }
    assert several
    assert several <= {*_PLACES, *_COUNTED, *_STORE}


@pytest.mark.parametrize(
    "key", ["a{b}c", "{b}{c}", "a{}b{c}", "a{b", "a}b{c}", "{", "}{", "a{{b}}", "plain", "a{é}"]
)
def test_a_hash_tag_decides_about_the_slot_as_in_redis(key: str) -> None:
    assert key_slot(hash_tag(key.encode())) == key_slot(key.encode())


async def test_every_key_has_to_be_one_of_the_change(connection: Connection, redis: Redis) -> None:
    outbox = Outbox(connection, redis, "game", partitions=4)
    async with outbox.change("p-1") as change:
        own, other = change.key("state"), change.key("other")
        change.redis.mset({own: "1", other: "2"})
        change.redis.delete(own, other)
        change.redis.zunionstore(own, [other, other])
        change.redis.bitop("AND", own, other)
        commands = change.redis
        for write in (
            lambda: commands.mset({own: "1", "elsewhere": "2"}),
            lambda: commands.delete(own, "elsewhere"),
            lambda: commands.rename(own, "elsewhere"),
            lambda: commands.smove(own, "elsewhere", "member"),
            lambda: commands.sinterstore(own, ["elsewhere"]),
            lambda: commands.zunionstore(own, ["elsewhere"]),
            lambda: commands.bitop("AND", own, "elsewhere"),
            lambda: commands.sort(own, store="elsewhere"),
            lambda: change.expect(1, "exists", own, "elsewhere"),
        ):
            with pytest.raises(StatusError, match="is 'elsewhere': in a change it is") as raised:
                cast(Any, write)()
            assert raised.value.code is Code.INVALID_ARGUMENT


async def test_a_key_with_another_hash_tag_in_front_is_none_of_the_change(
    connection: Connection, redis: Redis
) -> None:
    outbox = Outbox(connection, redis, "game", partitions=1)
    async with outbox.change("p-1") as change:
        for key in (f"{{other}}{change.key('state')}", "{game:0", ""):
            with pytest.raises(StatusError, match="a key of SET is "):
                change.redis.set(key, "1")
        # It is in the same slot.
        change.redis.set("mine:{game:0}", "1")
