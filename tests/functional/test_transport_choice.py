"""Which transport is used with which version of nats-py."""

from __future__ import annotations

import pytest
from nats.aio.client import __version__ as nats_py

from protonats._transport import choice
from protonats._transport.fast_transport import FastTransport
from protonats.connection import connect
from protonats.errors import ConfigurationError
from protonats.testing import EmbeddedNats
from tests.functional.echo import eventually

pytestmark = pytest.mark.anyio


async def test_the_installed_nats_py_is_one_that_the_fast_transport_was_tested_with(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PROTONATS_TRANSPORT", raising=False)
    assert nats_py.startswith(("2.15.", "2.16."))
    async with await connect(nats.url) as connection:
        assert isinstance(connection._transport, FastTransport)
    assert caplog.messages == []


@pytest.mark.parametrize("version", ["2.14.9", "2.160.0", "2.17.0", "3.0.0", "0.0.0"])
async def test_another_nats_py_is_used_by_its_public_interface_and_a_log_line_says_so(
    nats: EmbeddedNats,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    version: str,
) -> None:
    monkeypatch.delenv("PROTONATS_TRANSPORT", raising=False)
    monkeypatch.setattr(choice, "nats_py", version)
    async with await connect(nats.url) as connection:
        assert not isinstance(connection._transport, FastTransport)
        received: list[bytes] = []
        await connection._transport.subscribe("a", lambda message: received.append(message.body))
        connection._transport.publish("a", b"x")
        await eventually(lambda: received == [b"x"])
    (line,) = caplog.messages
    assert line.startswith(f"nats-py {version} is not one of 2.15, 2.16")


async def test_the_public_interface_can_be_asked_for(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROTONATS_TRANSPORT", "public")
    async with await connect(nats.url) as connection:
        assert not isinstance(connection._transport, FastTransport)
    assert caplog.messages == []


async def test_a_choice_that_does_not_exist_is_refused(
    nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROTONATS_TRANSPORT", "fast")
    with pytest.raises(
        ConfigurationError, match="PROTONATS_TRANSPORT is 'fast': write auto or public"
    ):
        await connect(nats.url)
