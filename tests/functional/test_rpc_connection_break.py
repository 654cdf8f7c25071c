"""Connections that break, and come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats.errors import Code, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, calling, eventually, serving
from tests.functional.inner import client_of
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    """A server that the test may stop."""
    with EmbeddedNats() as server:
        yield server


def settings(url: str, name: str = "caller", **others: float) -> ConnectionSettings:
    return ConnectionSettings(servers=(url,), name=name, **others)  # type: ignore[arg-type]  # pyright: ignore


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
            assert client_of(connection).pending_data_size == 0
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


async def _until_served(client: EchoClient) -> None:
    """The other side may still be on its way back."""
    async with asyncio.timeout(10.0):
        while True:
            with suppress(StatusError):
                await client.say(StringValue())
                return
