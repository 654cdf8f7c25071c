"""What the server does not permit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from protonats._serving.instance import Instance
from protonats.connection import Connection, connect
from protonats.errors import Code, StatusError
from protonats.settings import ConnectionSettings
from protonats.testing import EmbeddedNats
from tests.functional.echo import Echo, EchoClient, dropped, eventually
from tests.functional.inner import transport_of

pytestmark = pytest.mark.anyio


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
            assert transport_of(connection)._subscriptions == {connection._inbox}

    async def test_a_name_that_is_not_the_users_own_is_explained(
        self, guarded: EmbeddedNats
    ) -> None:
        with pytest.raises(StatusError, match=r"allow _INBOX\.stranger\.>, or set NATS_NAME"):
            await self._connect(guarded, "caller", name="stranger")
