"""The metrics of what needs Redis, or trouble, scraped over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import ClassVar

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats import Application, ConnectionSettings, Outbox, Settings, provision
from protonats._info import IdempotencyInfo
from protonats.server import CallContext
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.cached import Cached, cached_method
from tests.functional.echo import Echo, EchoClient, EchoMethods
from tests.functional.game import GameServiceClient, plan, until
from tests.functional.outboxed import win
from tests.functional.scraped import WITH_REDIS_OR_TROUBLE, scrape, value, without_numbers
from tests.functional.streams import code_of, text

pytestmark = pytest.mark.anyio

_SAY = replace(EchoMethods.say, idempotency=IdempotencyInfo(fail_open=True))
_STALE = cached_method(ttl=0.02, local_ttl=0.01, stale_while_revalidate=60.0, invalidated_by=())


class Kept(Echo):
    """Keeps the answers of `Say`, and blocks the event loop when told to."""

    __protonats__: ClassVar = replace(Echo.__protonats__, methods=(_SAY,))

    async def say(self, request: StringValue, context: CallContext) -> StringValue:
        if request.value == "block":
            time.sleep(0.3)  # noqa: ASYNC251
        return request


class Stale(Cached):
    """Its responses are stale nearly at once."""

    __protonats__: ClassVar = replace(Cached.__protonats__, methods=(_STALE,))


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
def redis() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as redis:
        yield redis


@pytest.fixture
async def application(nats: EmbeddedNats, redis: EmbeddedRedis) -> AsyncIterator[Application]:
    settings = Settings(
        connection=ConnectionSettings(servers=(nats.url,), name="all", breaker=None),
        redis_url=redis.url,
        health_address=("127.0.0.1", 0),
        block_warning=0.05,
    )
    async with Application(settings) as application:
        await provision.apply(application.connection.jetstream, plan())
        await application.serve(Kept(), Stale())
        yield application


async def test_what_needs_redis_or_trouble_appears_in_a_scrape(
    application: Application, redis: EmbeddedRedis
) -> None:
    connection = application.connection
    echo, cached = EchoClient(connection), GameServiceClient(connection)

    async def is_counted(name: str, **labels: str) -> bool:
        return value(await scrape(application), name, **labels) > 0

    async def stale() -> bool:
        await cached.echo(text("a"))
        return await is_counted("cache_stale", tier="redis")

    for _ in range(2):
        await echo.say(text("a"), idempotency_key="once")
    await echo.say(text("block"))
    await until(stale)
    async with Outbox(connection, application.redis, "game", poll_interval=0.02) as outbox:
        await win(outbox, "p-1", "a")
        await until(lambda: is_counted("outbox_relayed"))
        await connection.jetstream.delete_stream("GAME")
        await win(outbox, "p-1", "b")
        await until(lambda: is_counted("outbox_pending"))
        await until(lambda: is_counted("outbox_failed", reason="failed_precondition"))
    absent = replace(EchoMethods.say, subject="svc.nobody.v1.say", name="Absent")
    await asyncio.gather(*(code_of(echo._unary(absent, text("a"))) for _ in range(12)))
    redis.stop()
    await cached.echo(text("new"))
    await echo.say(text("a"), idempotency_key="twice")
    metrics = await scrape(application)

    assert not WITH_REDIS_OR_TROUBLE & without_numbers(metrics)
    assert value(metrics, "server_replayed", method="Say") == 1
    assert value(metrics, "loop_blocked") >= 1
    assert value(metrics, "outbox_written") == 2
    assert value(metrics, "outbox_relayed") == 1
    assert value(metrics, "cache_errors", tier="redis") >= 1
    assert value(metrics, "server_idempotency_failures", step="begin") == 1
    assert value(metrics, "client_retry_budget_exhausted", method="Absent") >= 1
