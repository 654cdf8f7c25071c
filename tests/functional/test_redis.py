"""The connection to Redis, against real servers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from protonats.errors import Code, ConfigurationError, StatusError
from protonats.redis import connect_redis
from protonats.testing import EmbeddedRedis
from tests.functional.game import until
from tests.functional.redis_cluster import SLOTS, redis_cluster

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[EmbeddedRedis]]:
    with redis_cluster() as nodes:
        yield nodes


async def test_a_single_server_is_connected_when_the_call_returns(server: EmbeddedRedis) -> None:
    redis = await connect_redis(server.url)

    assert isinstance(redis, Redis)
    await redis.set("key", "value")
    assert await redis.get("key") == b"value"
    await redis.aclose()


async def test_a_cluster_is_used_through_any_of_its_nodes(cluster: list[EmbeddedRedis]) -> None:
    redis = await connect_redis(cluster[1].url.replace("redis://", "redis+cluster://"))

    assert isinstance(redis, RedisCluster)
    keys = [f"key-{number}" for number in range(30)]
    for key in keys:
        await redis.set(key, key)
    assert [await redis.get(key) for key in keys] == [key.encode() for key in keys]
    nodes = [redis.get_node_from_key(key) for key in keys]
    assert {node.port for node in nodes if node} == {node.port for node in cluster}
    await redis.aclose()


async def test_a_password_is_used_and_a_wrong_one_is_a_configuration_error() -> None:
    with EmbeddedRedis(arguments=("--requirepass", "s3cret")) as server:
        redis = await connect_redis(server.url.replace("//", "//:s3cret@"))
        assert await redis.ping()
        await redis.aclose()

        with pytest.raises(ConfigurationError) as caught:
            await connect_redis(server.url.replace("//", "//:wr0ng@"))
    assert str(caught.value).startswith(f"REDIS_URL: {server.url} refuses the login")
    assert "wr0ng" not in str(caught.value)


async def test_no_server_is_unavailable_with_host_and_reason_and_without_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EmbeddedRedis() as server:
        url = server.url.replace("//", "//:s3cret@")
    with caplog.at_level(logging.WARNING, "protonats"), pytest.raises(StatusError) as caught:
        await connect_redis(url, startup_timeout=0.3)

    assert caught.value.code is Code.UNAVAILABLE
    assert caught.value.message.startswith(f"no Redis answers at {server.url} within 0.3 s: ")
    assert "next attempt in 0.1 s" in caplog.messages[0]
    assert "s3cret" not in caught.value.message + caplog.text


async def test_a_server_that_comes_up_later_is_found(caplog: pytest.LogCaptureFixture) -> None:
    server = EmbeddedRedis()
    with server:
        server.stop()

        class StartOnFirstWarning(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                server.start()

        handler = StartOnFirstWarning()
        logging.getLogger("protonats").addHandler(handler)
        try:
            redis = await connect_redis(server.url, startup_timeout=10)
        finally:
            logging.getLogger("protonats").removeHandler(handler)
        assert await redis.ping()
        await redis.aclose()


async def test_a_server_that_hangs_is_unavailable_within_the_limit() -> None:
    with EmbeddedRedis() as server:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StatusError) as caught:
                await connect_redis(server.url, startup_timeout=0.3)
        finally:
            os.kill(server.pid, signal.SIGCONT)
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("memcached://host", "memcached://host begins with none of `redis://`, `rediss://`"),
        ("redis://", "redis:// names no host"),
        ("redis://:s3cret@host:port", "redis://host:port is malformed"),
        ("redis://host?socket_timeout=soon", "redis://host is malformed"),
        ("redis://:s3/cret@host:port", "redis://*** names no host"),
        ("redis://host:port?password=s3cret@", "redis://*** is malformed"),
        ("host:6379", "<not a URL> begins with none of"),
    ],
)
async def test_a_malformed_url_is_refused_without_repeating_secrets(url: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await connect_redis(url)

    assert text in str(caught.value)
    assert not any(part in str(caught.value) for part in ("s3", "cret"))


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
async def test_a_server_that_is_not_required_may_come_up_at_any_time(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is kept there can be had without it: the client connects when it is used."""
    arguments = ("--cluster-enabled", "yes") if scheme == "redis+cluster" else ()
    with EmbeddedRedis(arguments=arguments) as server:
        if arguments:
            with SyncRedis(port=server.port) as client:
                client.execute_command("CLUSTER ADDSLOTS", *range(SLOTS))
        server.stop()
        url = server.url.replace("redis://", f"{scheme}://:s3cret@")
        with caplog.at_level(logging.WARNING, "protonats"):
            redis = await connect_redis(url, startup_timeout=0.3, required=False)
        shown = f"no Redis answers at {scheme}://127.0.0.1:{server.port} within 0.3 s"
        assert caplog.messages[-1].startswith(shown)
        assert "what needs it fails until it does" in caplog.messages[-1]
        assert "s3cret" not in caplog.text
        with pytest.raises((RedisError, RedisClusterException)):
            await redis.get("key")
        await redis.aclose()

        redis = await connect_redis(
            url.replace(":s3cret@", ""), startup_timeout=0.3, required=False
        )
        server.start()
        await until(partial(_answers, redis))
        await redis.aclose()


async def _answers(redis: Redis | RedisCluster) -> bool:
    try:
        return await redis.set("key", "value") is not None
    except (RedisError, RedisClusterException):
        return False


async def test_a_start_that_is_cancelled_closes_what_it_has_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[Redis] = []
    close = Redis.aclose

    async def aclose(redis: Redis) -> None:
        closed.append(redis)
        await close(redis)

    monkeypatch.setattr(Redis, "aclose", aclose)
    connecting = asyncio.create_task(connect_redis("redis://127.0.0.1:1"))
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert len(closed) == 1


async def test_a_wrong_password_is_an_error_even_where_redis_is_not_required() -> None:
    with (
        EmbeddedRedis(arguments=("--requirepass", "s3cret")) as server,
        pytest.raises(ConfigurationError, match="refuses the login"),
    ):
        await connect_redis(server.url.replace("//", "//:wr0ng@"), required=False)


def test_the_embedded_server_keeps_its_port_over_a_restart_and_leaves_no_process() -> None:
    with EmbeddedRedis() as server:
        port, pid = server.port, server.pid
        server.kill()
        server.start()
        assert server.port == port
        assert server.pid != pid
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_embedded_server_that_cannot_start_says_why_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (
        pytest.raises(RuntimeError, match="redis-server did not start") as caught,
        EmbeddedRedis(arguments=("--no-such-option", "1")),
    ):
        pass

    assert "Bad directive or wrong number of arguments" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
