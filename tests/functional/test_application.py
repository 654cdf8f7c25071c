"""A process from its start to its end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from types import TracebackType

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from redis.exceptions import RedisError

import protonats
from protonats import (
    Application,
    Code,
    ConfigurationError,
    Connection,
    ConnectionSettings,
    Settings,
    StatusError,
    provision,
)
from protonats.testing import EmbeddedNats, EmbeddedRedis
from tests.functional.game import Game, GameServiceClient, GameServicePublisher, plan, until
from tests.functional.http import ask

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    """A caller; stream and consumer of the service exist while it is there."""
    async with await protonats.connect(nats.url) as connection:
        await provision.apply(connection.jetstream, plan())
        yield connection
        for stream in await connection.jetstream.streams_info():
            await connection.jetstream.delete_stream(str(stream.config.name))


def settings(nats: EmbeddedNats, **values: object) -> Settings:
    return Settings(
        connection=ConnectionSettings(servers=(nats.url,), name="game", startup_timeout=1),
        health_address=("127.0.0.1", 0),
        **values,  # type: ignore[arg-type]
    )


def health(application: Application) -> str:
    assert application.health_address is not None
    return application.health_address


async def test_calls_and_events_reach_the_server(
    nats: EmbeddedNats, connection: Connection
) -> None:
    game = Game()
    async with Application(settings(nats)) as application:
        await application.serve(game)
        answer = await GameServiceClient(connection).echo(StringValue(value="hi"))
        await GameServicePublisher(connection).publish_won(StringValue(value="a"))
        await until(lambda: game.values == ["a"])
        assert answer.value == "hi"
        assert application.instances[0].service.name == "game"


async def test_ready_only_when_subscribed_and_live_from_the_beginning(
    nats: EmbeddedNats, connection: Connection
) -> None:
    async with Application(settings(nats)) as application:
        before = await ask(health(application), "/readyz")
        assert (before.status, before.reason) == (503, "not subscribed")
        assert (await ask(health(application), "/livez")).status == 200

        await application.serve(Game())
        assert (await ask(health(application), "/readyz")).status == 200


async def test_a_process_that_only_makes_calls_is_ready_when_it_waits(nats: EmbeddedNats) -> None:
    async with Application(settings(nats)) as application:
        waiting = asyncio.create_task(application.run_until_stopped())
        await until(lambda: application.why_not_ready() is None)
        assert (await ask(health(application), "/readyz")).status == 200
        waiting.cancel()


async def test_metrics_tell_of_calls_events_and_the_connection(
    nats: EmbeddedNats, connection: Connection
) -> None:
    game = Game()
    async with Application(settings(nats)) as application:
        await application.serve(game)
        await GameServiceClient(connection).echo(StringValue(value="hi"))
        await GameServicePublisher(connection).publish_won(StringValue(value="a"))
        await until(lambda: game.values == ["a"])
        text = (await ask(health(application), "/metrics")).body.decode()

    method = 'method="Echo",service="game.v1.GameService"'
    assert f'protonats_server_handled_total{{code="OK",{method}}} 1.0' in text
    assert 'event="google.protobuf.StringValue",result="acknowledged"} 1.0' in text
    assert "protonats_connected 1.0" in text
    assert "process_resident_memory_bytes" in text


async def test_without_a_connection_it_is_live_and_not_ready_until_it_is_back() -> None:
    with EmbeddedNats(jetstream=True) as nats:
        async with Application(settings(nats)) as application:
            await provision.apply(application.connection.jetstream, plan())
            await application.serve(Game())
            nats.stop()
            await until(lambda: not application.connection.is_connected)
            ready = await ask(health(application), "/readyz")
            assert (ready.status, ready.reason) == (503, "not connected to NATS")
            assert (await ask(health(application), "/livez")).status == 200
            metrics = (await ask(health(application), "/metrics")).body.decode()
            assert "protonats_connected 0.0" in metrics

            nats.start()
            await until(lambda: application.why_not_ready() is None)
            assert (await ask(health(application), "/readyz")).status == 200


async def test_a_consumer_that_does_not_deliver_is_not_ready(
    nats: EmbeddedNats, connection: Connection
) -> None:
    async with Application(settings(nats)) as application:
        await application.serve(Game())
        await connection.jetstream.delete_consumer("GAME", "game_events")
        await until(lambda: application.why_not_ready() is not None)
        reason = (await ask(health(application), "/readyz")).reason
        assert reason is not None
        assert reason.startswith("consumer game_events: ")


async def test_leaving_finishes_what_runs_and_is_not_ready_meanwhile(
    nats: EmbeddedNats, connection: Connection
) -> None:
    started, release, order = asyncio.Event(), asyncio.Event(), list[str]()

    class SlowGame(Game):
        async def echo(self, request: StringValue, context: protonats.CallContext) -> StringValue:
            started.set()
            await release.wait()
            # A call that a handler makes while the process stops still gets its answer.
            await application.connection.jetstream.account_info()
            order.append("answered")
            return request

        async def __aenter__(self) -> SlowGame:
            order.append("entered")
            return self

        async def __aexit__(
            self,
            exc_type: type[BaseException] | None,
            exc: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            order.append("left")

    application = Application(settings(nats))
    await application.__aenter__()
    address = health(application)
    await application.serve(SlowGame())
    call = asyncio.create_task(GameServiceClient(connection).echo(StringValue(value="hi")))
    await started.wait()
    leaving = asyncio.create_task(application.__aexit__(None, None, None))
    await until(lambda: not application.instances[0].serving)

    ready = await ask(health(application), "/readyz")
    assert (ready.status, ready.reason) == (503, "draining")
    assert (await ask(health(application), "/livez")).status == 200
    release.set()
    assert (await call).value == "hi"
    await leaving
    assert order == ["entered", "answered", "left"]
    assert application.connection.is_closed
    with pytest.raises(ConnectionRefusedError):
        await ask(address, "/livez")


async def test_what_exceeds_the_grace_period_is_ended(
    nats: EmbeddedNats, connection: Connection
) -> None:
    started = asyncio.Event()

    class StuckGame(Game):
        async def echo(self, request: StringValue, context: protonats.CallContext) -> StringValue:
            started.set()
            await asyncio.Event().wait()
            return request

    async with Application(settings(nats, grace_period=0.1)) as application:
        await application.serve(StuckGame())
        call = asyncio.create_task(GameServiceClient(connection).echo(StringValue(value="hi")))
        await started.wait()
    with pytest.raises(StatusError) as caught:
        await call
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_wait_and_a_second_one_does_not_cut_the_end_short(
    nats: EmbeddedNats, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    async with Application(settings(nats)) as application:
        waiting = asyncio.create_task(application.run_until_stopped())
        await until(lambda: signal.getsignal(number) is not before)
        os.kill(os.getpid(), number)
        await asyncio.wait_for(waiting, 20)
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


async def test_a_connection_closed_for_good_ends_the_wait_and_is_not_live() -> None:
    config = "authorization { users: [ { user: game, password: x } ] }"
    with EmbeddedNats(config=config) as nats:
        connection = ConnectionSettings(servers=(nats.url.replace("//", "//game:x@"),), name="game")
        application = Application(Settings(connection=connection, health_address=("127.0.0.1", 0)))
        async with application:
            waiting = asyncio.create_task(application.run_until_stopped())
            await application.connection.close()
            await asyncio.wait_for(waiting, 20)
            live = await ask(health(application), "/livez")
            assert live.status == 503
            assert live.reason is not None
            assert live.reason.startswith("the connection to NATS is closed: ")


async def test_redis_is_connected_where_there_is_a_url_for_it(nats: EmbeddedNats) -> None:
    with EmbeddedRedis() as redis:
        async with Application(settings(nats, redis_url=redis.url)) as application:
            await application.redis.set("a", "b")
            assert await application.redis.get("a") == b"b"


async def test_redis_without_a_url_is_a_configuration_error(nats: EmbeddedNats) -> None:
    async with Application(settings(nats)) as application:
        with pytest.raises(
            ConfigurationError, match="REDIS_URL is not set, and this service needs"
        ):
            _ = application.redis


async def test_a_key_value_bucket_is_found_and_a_missing_one_says_what_to_run(
    nats: EmbeddedNats, connection: Connection
) -> None:
    await provision.apply(connection.jetstream, {"buckets": [{"name": "ledger"}]})
    async with Application(settings(nats)) as application:
        ledger = await application.key_value("ledger")
        assert await ledger.write("alice", b"10", after=0) is not None
        assert (await ledger.read("alice")).value == b"10"

        with pytest.raises(
            StatusError, match="there is no key-value bucket none: create it"
        ) as caught:
            await application.key_value("none")
        assert caught.value.code is Code.FAILED_PRECONDITION


async def test_a_start_that_fails_leaves_nothing_behind(nats: EmbeddedNats) -> None:
    with EmbeddedRedis(arguments=("--requirepass", "s3cret")) as redis:
        application = Application(settings(nats, redis_url=redis.url.replace("//", "//:wrong@")))
        with pytest.raises(ConfigurationError, match="refuses the login"):
            async with application:
                pass
    assert application.connection.is_closed


async def test_a_redis_that_is_away_at_the_start_is_used_when_it_comes(
    nats: EmbeddedNats,
    connection: Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service that only caches there works without it, and is ready."""
    monkeypatch.setattr("protonats.application._REDIS_STARTUP_TIMEOUT", 0.3)
    with EmbeddedRedis() as redis:
        redis.stop()
        async with Application(settings(nats, redis_url=redis.url)) as application:
            await application.serve(Game())
            assert (await ask(health(application), "/readyz")).status == 200
            assert f"no Redis answers at {redis.url}" in caplog.text
            redis.start()

            async def answers() -> bool:
                with suppress(RedisError):
                    return bool(await application.redis.set("a", "b"))
                return False

            await until(answers)


async def test_a_missing_stream_ends_serving_and_takes_the_service_out_of_discovery(
    nats: EmbeddedNats,
) -> None:
    async with await protonats.connect(nats.url) as caller:
        with pytest.raises(StatusError, match=r"no stream stores evt\.game\.won"):
            async with Application(settings(nats)) as application:
                await application.serve(Game())
        with pytest.raises(StatusError) as caught:
            await GameServiceClient(caller).echo(StringValue(value="hi"))
    assert caught.value.code is Code.UNAVAILABLE


async def test_an_application_that_is_not_entered_has_no_connection() -> None:
    with pytest.raises(RuntimeError, match="use `async with Application"):
        _ = Application(Settings()).connection
