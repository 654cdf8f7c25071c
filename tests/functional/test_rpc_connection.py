"""Connections that are not there, break, come back, are refused, or end for good."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.instance import Instance
from protonats._transport.attempts import Attempts
from protonats.connection import Connection, connect
from protonats.errors import Code, ConfigurationError, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, calling, dropped, eventually, freeze, serving
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    """A server that the test may stop."""
    with EmbeddedNats() as server:
        yield server


_USERS = """
authorization { users: [
  {user: caller, password: p, permissions: {
    publish: ["svc.echo.v1.say", "_INBOX.caller.>"], subscribe: ["_INBOX.caller.>"]}}
  {user: echo, password: p, permissions: {
    publish: ["_INBOX.>"], subscribe: ["svc.echo.v1.say", "_INBOX.echo.>"]}}
] }
"""


@pytest.fixture(scope="module")
def guarded() -> Iterator[EmbeddedNats]:
    """A server whose users may do little."""
    with EmbeddedNats(config=_USERS) as server:
        yield server


def settings(url: str, name: str = "caller", **others: float) -> ConnectionSettings:
    return ConnectionSettings(servers=(url,), name=name, **others)  # type: ignore[arg-type]  # pyright: ignore


class TestStart:
    async def test_without_a_server_it_gives_up_after_the_startup_timeout(
        self, own_nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = own_nats.url.replace("nats://", "nats://user:hunter2@")
        own_nats.stop()
        began = time.monotonic()
        with pytest.raises(
            StatusError, match=r"could be reached within 0\.5 s at nats://\*\*\*@"
        ) as error:
            await connect(settings(url, startup_timeout=0.5))
        assert error.value.code is Code.UNAVAILABLE
        assert 0.5 <= time.monotonic() - began < 3.0
        attempts = [record for record in caplog.records if record.levelno == logging.WARNING]
        (line,) = attempts
        assert "cannot connect to NATS at" in line.message
        assert line.message.endswith("; trying again")
        assert "hunter2" not in caplog.text + str(error.value)

    def test_failures_are_told_when_they_are_new_and_every_half_minute(self) -> None:
        attempts = Attempts(patience=60.0)
        told = []
        for now, cause in [
            (0, "refused"),
            (1, "refused"),
            (2, "no login"),
            (3, "refused"),
            (31, "no login"),
            (32, "refused"),
            (33, "no login"),
        ]:
            attempts.failed()
            if attempts.are_worth_telling(cause, now):
                told.append((now, attempts.count))
        assert told == [(0, 1), (2, 3), (32, 6)]

        attempts.succeeded()
        attempts.failed()
        assert attempts.are_worth_telling("refused", 34)
        assert attempts.count == 1

    async def test_a_lost_server_is_told_once(
        self, own_nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with await connect(settings(own_nats.url)) as connection:
            own_nats.kill()
            await eventually(lambda: connection._transport._attempts.count >= 3)
            lines = [text for text in caplog.messages if text.startswith("cannot connect")]
            assert len(lines) == 1

    def test_pauses_double_up_to_two_seconds(self) -> None:
        attempts = Attempts(patience=60.0)
        for longest in (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0):
            attempts.failed()
            assert longest / 2 <= attempts.pause <= longest

    async def test_a_server_that_comes_late_is_found(self, own_nats: EmbeddedNats) -> None:
        url = own_nats.url
        own_nats.stop()
        waiting = asyncio.create_task(connect(settings(url, startup_timeout=10.0)))
        await asyncio.sleep(0)
        own_nats.start()
        async with await waiting as connection:
            assert connection.is_connected

    async def test_a_refused_login_says_so(self, caplog: pytest.LogCaptureFixture) -> None:
        with (
            EmbeddedNats(config="authorization { user: a, password: b }") as server,
            pytest.raises(StatusError, match=r"(?i)the last error was: authorization violation"),
        ):
            await connect(settings(server.url, startup_timeout=0.3))

    async def test_it_can_be_interrupted(self, own_nats: EmbeddedNats) -> None:
        own_nats.stop()
        waiting = asyncio.create_task(connect(settings(own_nats.url)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def test_settings_may_be_a_url_or_the_environment(
        self, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with await connect(nats.url) as connection:
            assert connection.name == "protonats"
        monkeypatch.setenv("NATS_URL", nats.url)
        monkeypatch.setenv("NATS_NAME", "quest")
        async with await connect() as connection:
            assert connection.name == "quest"

    async def test_tls_is_never_given_up(self, nats: EmbeddedNats) -> None:
        url = nats.url.replace("nats://", "tls://")
        with pytest.raises(StatusError, match=r"(?i)secure connection"):
            await connect(settings(url, startup_timeout=0.3))

    @pytest.mark.parametrize(
        ("field", "variable"),
        [
            ("tls_ca", "NATS_CA"),
            ("nkey_seed_file", "NATS_NKEY"),
            ("credentials_file", "NATS_CREDS"),
        ],
    )
    async def test_a_file_that_is_missing_is_named(
        self, nats: EmbeddedNats, field: str, variable: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=rf"{variable} names /nowhere, which cannot"):
            await connect(ConnectionSettings(servers=(nats.url,), **{field: Path("/nowhere")}))  # type: ignore[arg-type]

    async def test_a_certificate_that_is_none_is_named(
        self, nats: EmbeddedNats, tmp_path: Path
    ) -> None:
        file = tmp_path / "ca.pem"
        file.write_text("no certificate")
        with pytest.raises(ConfigurationError, match=r"NATS_CA\) .*ca.pem is no certificate"):
            await connect(ConnectionSettings(servers=(nats.url,), tls_ca=file))


class TestBreak:
    async def test_running_calls_fail_at_once(self, own_nats: EmbeddedNats) -> None:
        async with calling(own_nats.url) as client:
            async with raw_nats(own_nats.url) as silent:
                await silent.subscribe("svc.echo.v1.say")
                calls = [
                    asyncio.create_task(client.say(StringValue(), timeout=60.0)) for _ in range(20)
                ]
                await silent.receive()
                own_nats.kill()
                began = time.monotonic()
                results = await asyncio.gather(*calls, return_exceptions=True)
            assert time.monotonic() - began < 5.0
            assert {getattr(result, "code", None) for result in results} == {Code.UNAVAILABLE}
            assert "may have been handled" in str(results[0])

    async def test_without_a_connection_a_call_fails_at_once(self, own_nats: EmbeddedNats) -> None:
        async with calling(own_nats.url) as client:
            own_nats.kill()
            await eventually(lambda: not client._connection.is_connected)
            with pytest.raises(StatusError, match="there is no connection to NATS") as error:
                await client.say(StringValue(), timeout=60.0)
            assert error.value.code is Code.UNAVAILABLE

    async def test_after_a_restart_calls_work_again(self, own_nats: EmbeddedNats) -> None:
        echo = Echo()
        async with (
            serving(own_nats.url, echo) as (_, connection),
            calling(own_nats.url) as client,
        ):
            for round_trip in range(3):
                assert (await client.say(StringValue(value=str(round_trip)))).value
                own_nats.kill() if round_trip % 2 else own_nats.stop()
                await eventually(lambda: not connection.is_connected)
                own_nats.start()
                await eventually(
                    lambda: connection.is_connected and client._connection.is_connected
                )
                await _until_served(client)
            assert not connection.is_closed

    async def test_what_was_not_sent_is_not_sent_later(self, own_nats: EmbeddedNats) -> None:
        """nats-py keeps what it has not written, and writes it after the reconnect."""
        async with calling(own_nats.url) as client:
            connection = client._connection
            own_nats.kill()
            await eventually(lambda: not connection.is_connected)
            for _ in range(3):
                with pytest.raises(StatusError):
                    await client.say(StringValue())
            assert connection._transport._client.pending_data_size == 0
            own_nats.start()
            async with raw_nats(own_nats.url) as tap:
                await tap.subscribe("svc.echo.>")
                await eventually(lambda: connection.is_connected)
                tap.publish("svc.echo.end", b"")
                assert (await tap.receive()).subject == "svc.echo.end"

    async def test_an_instance_that_drains_without_a_connection_ends(
        self, own_nats: EmbeddedNats
    ) -> None:
        async with serving(own_nats.url, Echo()) as (instance, connection):
            own_nats.kill()
            await eventually(lambda: not connection.is_connected)
            async with asyncio.timeout(5.0):
                await instance.drain(grace=1.0)
            own_nats.start()
            await eventually(lambda: connection.is_connected)
            async with calling(own_nats.url) as client:
                with pytest.raises(StatusError, match="no instance serves"):
                    await client.say(StringValue())


class TestEnd:
    async def test_a_close_fails_running_calls(self, nats: EmbeddedNats) -> None:
        async with raw_nats(nats.url) as silent:
            await silent.subscribe("svc.echo.v1.say")
            connection = await connect(settings(nats.url))
            call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
            await silent.receive()
            await connection.close()
            with pytest.raises(StatusError, match="the connection was closed") as error:
                await call
        assert error.value.code is Code.UNAVAILABLE
        assert connection.is_closed
        assert connection.close_reason == "it was closed"
        with pytest.raises(StatusError, match="the connection is closing"):
            await EchoClient(connection).say(StringValue())

    async def test_a_drain_waits_for_running_calls(self, nats: EmbeddedNats) -> None:
        async with raw_nats(nats.url) as slow:
            await slow.subscribe("svc.echo.v1.say")
            connection = await connect(settings(nats.url))
            client = EchoClient(connection)
            call = asyncio.create_task(client.say(StringValue(), timeout=60.0))
            reply = (await slow.receive()).reply
            draining = asyncio.create_task(connection.drain())
            await asyncio.sleep(0)
            with pytest.raises(StatusError, match="the connection is closing"):
                await client.say(StringValue())
            slow.publish(reply, b"")
            assert await call == StringValue()
            await draining
        assert connection.is_closed

    async def test_a_drain_that_is_cancelled_closes_all_the_same(self, nats: EmbeddedNats) -> None:
        async with raw_nats(nats.url) as silent:
            await silent.subscribe("svc.echo.v1.say")
            connection = await connect(settings(nats.url))
            call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
            await silent.receive()
            draining = asyncio.create_task(connection.drain())
            await asyncio.sleep(0)
            draining.cancel()
            with pytest.raises(asyncio.CancelledError):
                await draining
            with pytest.raises(StatusError, match="the connection was closed"):
                await call
        assert connection.is_closed

    async def test_a_close_that_is_cancelled_closes_all_the_same(
        self, own_nats: EmbeddedNats
    ) -> None:
        connection = await connect(settings(own_nats.url))
        freeze(own_nats.pid)
        closing = asyncio.create_task(connection.close())
        await eventually(lambda: bool(connection._transport._client._pongs))
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert connection.is_closed
        own_nats.kill()

    async def test_closing_twice_is_allowed(self, nats: EmbeddedNats) -> None:
        connection = await connect(settings(nats.url))
        await connection.close()
        await connection.close()
        await connection.drain()

    async def test_an_expired_login_closes_for_good_and_says_why(self) -> None:
        async with _fake_server(b"-ERR 'User Authentication Expired'\r\n") as (url, expire):
            connection = await connect(settings(url))
            call = asyncio.create_task(EchoClient(connection).say(StringValue(), timeout=60.0))
            await eventually(lambda: len(connection._calls) == 1)
            expire.set()
            async with asyncio.timeout(5.0):
                await connection.closed.wait()
            with pytest.raises(StatusError, match="is closed: user authentication expired"):
                await call
            assert connection.close_reason == "user authentication expired"
            await connection.close()

    async def test_a_user_who_is_removed_is_gone_for_good(self) -> None:
        config = 'authorization {{ users: [{{user: {}, password: "p"}}] }}'
        with EmbeddedNats(config=config.format("quest")) as server:
            url = server.url.replace("nats://", "nats://quest:p@")
            connection = await connect(settings(url, startup_timeout=0.3))
            server.reload(config.format("other"))
            async with asyncio.timeout(10.0):
                await connection.closed.wait()
            assert connection.close_reason is not None
            assert "authorization violation" in connection.close_reason.lower()


class TestPermissions:
    async def _connect(self, server: EmbeddedNats, user: str, name: str = "") -> Connection:
        url = server.url.replace("nats://", f"nats://{user}:p@")
        return await connect(settings(url, name=name or user, startup_timeout=2.0))

    async def _restart(self, server: EmbeddedNats, connection: Connection) -> None:
        server.kill()
        await eventually(lambda: not connection.is_connected)
        server.start()
        await eventually(lambda: connection.is_connected, timeout=10.0)

    async def test_a_denied_publish_is_permission_denied_at_once(
        self, guarded: EmbeddedNats
    ) -> None:
        async with await self._connect(guarded, "caller") as connection:
            client = EchoClient(connection)
            with pytest.raises(
                StatusError, match=r"publish to svc\.echo\.v1\.room\.Lobby"
            ) as error:
                await client.room(StringValue(value="Lobby"), timeout=60.0)
            assert error.value.code is Code.PERMISSION_DENIED
            assert dropped(connection) == {"publish_denied": 1}
            with pytest.raises(StatusError, match="no instance serves"):
                await client.say(StringValue())

    async def test_a_denied_subject_is_known_whatever_it_contains(
        self, guarded: EmbeddedNats
    ) -> None:
        async with await self._connect(guarded, "caller") as connection:
            client = EchoClient(connection)
            for value in ('a"b', "a\\b", '\\"', "\u00c9t\u00e9", "a\u200bb", "\ufffd"):
                with pytest.raises(StatusError) as error:
                    await client.room(StringValue(value=value), timeout=5.0)
                assert error.value.code is Code.PERMISSION_DENIED

    async def test_a_subscription_denied_after_a_reconnect_is_no_serving(self) -> None:
        allowed = 'permissions: {publish: ["_INBOX.>"], subscribe: ["svc.>", "$SRV.>", "_INBOX.>"]}'
        config = "authorization { users: [{user: echo, password: p, %s}] }"
        with EmbeddedNats(config=config % allowed) as server:
            async with await self._connect(server, "echo") as connection:
                instance = Instance(connection, Echo())
                await instance.start()
                states = [instance.serving]
                for permissions in (allowed.replace('"svc.>", ', ""), allowed):
                    server.reload(config % permissions)
                    await self._restart(server, connection)
                    states.append(instance.serving)
                assert states == [True, False, True]
                await instance.drain(grace=0.0)

    async def test_a_service_that_may_not_subscribe_does_not_pretend_to_serve(
        self, guarded: EmbeddedNats
    ) -> None:
        async with await self._connect(guarded, "echo") as connection:
            instance = Instance(connection, Echo())
            with pytest.raises(StatusError, match=r"subscribe to svc\.echo\.v1\.room\.\*") as error:
                await instance.start()
            assert error.value.code is Code.PERMISSION_DENIED
            assert not instance.serving
            assert connection._transport._subscriptions == {connection._inbox}

    async def test_a_name_that_is_not_the_users_own_is_explained(
        self, guarded: EmbeddedNats
    ) -> None:
        with pytest.raises(StatusError, match=r"allow _INBOX\.stranger\.>, or set NATS_NAME"):
            await self._connect(guarded, "caller", name="stranger")


async def _until_served(client: EchoClient) -> None:
    """The other side may still be on its way back."""
    async with asyncio.timeout(10.0):
        while True:
            with suppress(StatusError):
                await client.say(StringValue())
                return


@asynccontextmanager
async def _fake_server(last_words: bytes) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A NATS server that answers pings until the event is set, and then says its last words."""
    speak = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b'INFO {"server_id":"x","version":"2.11.0","headers":true,"max_payload":1024}\r\n'
        )
        last = asyncio.create_task(speak.wait())
        last.add_done_callback(lambda _: writer.write(last_words))
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        last.cancel()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", speak
