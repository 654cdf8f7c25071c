"""How long a peer may be silent: its own word for it counts up to a bound."""

from __future__ import annotations

import pytest

from protonats._wire import headers
from protonats.settings import ConnectionSettings, Settings
from protonats.testing import Clock, LocalPlatform
from tests.functional.raw_streams import CALL_ID, announce
from tests.functional.streams import Held

pytestmark = pytest.mark.anyio

_HOUR_MS = 3_600_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def anyio_backend(clock: Clock) -> object:
    return clock.anyio_backend


@pytest.mark.parametrize(("own", "longest"), [(5.0, 180.0), (100.0, 300.0)])
async def test_who_announces_an_hour_is_gone_after_minutes(
    clock: Clock, own: float, longest: float
) -> None:
    held = Held()
    settings = Settings(connection=ConnectionSettings(keepalive_interval=own), grace_period=0.1)
    async with LocalPlatform(held.server(), settings=settings) as platform:
        connection = await platform.connect()
        request = {"Pn-Call": f"01-{CALL_ID}-0fffffff", "Pn-Stream": announce(ms=_HOUR_MS)}
        await connection._request("svc.echo.v1.chat", b"", headers.encode(request), clock.now + 1.0)
        await clock.advance(longest - 1)
        assert (held.begun, held.ended) == (1, [])
        await clock.advance(own + 1)
        assert held.ended == ["chat"]
