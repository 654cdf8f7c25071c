"""Connections that are made: waiting for a server, settings, TLS, files."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.transport import TcpTransport

from protonats._transport.attempts import Attempts
from protonats.connection import connect
from protonats.errors import Code, ConfigurationError, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually
from tests.functional.inner import transport_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    """A server that the test may stop."""
    with EmbeddedNats() as server:
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
            await eventually(lambda: transport_of(connection)._attempts.count >= 3)
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

    async def test_a_cancellation_that_an_attempt_takes_for_its_failure_is_not_lost(
        self, own_nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # asyncio.wait_for of Python 3.11, in which nats-py waits, does so where both come at once.
        async def refused_as_it_is_cancelled(*_: object, **__: object) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionRefusedError from None

        monkeypatch.setattr(TcpTransport, "connect", refused_as_it_is_cancelled)
        async with asyncio.timeout(5.0):
            with pytest.raises(StatusError, match=r"could be reached within 0\.2 s"):
                await connect(settings(own_nats.url, startup_timeout=0.2))

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
