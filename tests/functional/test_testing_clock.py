"""Time that a test moves."""

from __future__ import annotations

import asyncio
import time

import pytest

import protonats
from protonats.testing import Clock, EmbeddedNats, LocalPlatform
from tests.functional.echo import EchoClient
from tests.functional.talk import Talk, text

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def anyio_backend(clock: Clock) -> object:
    return clock.anyio_backend


async def test_time_stands_still_until_it_is_moved(clock: Clock) -> None:
    begin = asyncio.get_running_loop().time()
    woken: list[float] = []
    asyncio.get_running_loop().call_later(3600, lambda: woken.append(clock.now))
    await clock.advance(3599.5)
    assert woken == []
    await clock.advance(0.5)
    assert woken == [begin + 3600]
    assert asyncio.get_running_loop().time() == clock.now == begin + 3600


async def test_what_falls_due_happens_in_order_and_with_what_follows(clock: Clock) -> None:
    happened: list[tuple[str, float]] = []
    begin = clock.now

    async def step(name: str, *pauses: float) -> None:
        for pause in pauses:
            await asyncio.sleep(pause)
            happened.append((name, clock.now - begin))

    tasks = [asyncio.create_task(step("a", 1, 3, 6)), asyncio.create_task(step("b", 2, 3))]
    await clock.advance(9)
    expected = [("a", 1), ("b", 2), ("a", 4), ("b", 5)]
    assert happened == expected
    await clock.advance(1)
    assert happened == [*expected, ("a", 10)]
    await asyncio.gather(*tasks)


async def test_timeouts_are_timed_by_it(clock: Clock) -> None:
    async def wait() -> None:
        async with asyncio.timeout(30):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await clock.advance(31)
    with pytest.raises(TimeoutError):
        await waiting


async def test_the_deadline_of_a_call_passes_without_waiting(clock: Clock) -> None:
    talk = Talk()
    begin = time.monotonic()
    async with LocalPlatform(talk) as platform:
        client = EchoClient(platform.connection)
        assert await client.say(text("hello")) == text("hello")
        call = asyncio.create_task(client.say(text("never"), timeout=3600))
        await clock.advance(3599)
        assert talk.begun.is_set()
        assert not call.done()
        await clock.advance(1.1)
        with pytest.raises(protonats.StatusError) as failure:
            await call
        assert talk.ended.is_set()
    assert failure.value.code is protonats.Code.DEADLINE_EXCEEDED
    assert time.monotonic() - begin < 30


async def test_an_open_stream_lives_on_through_hours(clock: Clock) -> None:
    async with LocalPlatform(Talk()) as platform:
        stream = EchoClient(platform.connection).watch(text("never"))
        assert [(await anext(stream)).value for _ in range(5)] == list("never")
        waiting = asyncio.ensure_future(anext(stream))
        await clock.advance(4)
        assert not waiting.done()
        waiting.cancel()


async def test_it_may_move_by_itself(clock: Clock) -> None:
    clock.automatic = True
    begin = clock.now
    await asyncio.sleep(86_400 * 3)
    assert clock.now - begin == pytest.approx(86_400 * 3)


async def test_with_patience_a_real_server_answers_in_time(clock: Clock) -> None:
    clock.automatic, clock.patience = True, 0.2
    async with EmbeddedNats() as server, await protonats.connect(server.url) as connection:
        assert connection.is_connected
        begin = clock.now
        await connection._transport.barrier()
        assert clock.now - begin < 5
        await asyncio.sleep(5)


async def test_it_moves_forward_and_once_at_a_time(clock: Clock) -> None:
    with pytest.raises(ValueError, match="forward"):
        await clock.advance(-1)
    moving = asyncio.create_task(clock.advance(1))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already"):
        await clock.advance(1)
    await moving
    with pytest.raises(RuntimeError, match="another time"):
        await Clock().advance(1)


async def test_one_that_is_given_up_stops_where_it_is(clock: Clock) -> None:
    moving = asyncio.create_task(clock.advance(1))
    await asyncio.sleep(0)
    moving.cancel()
    await asyncio.wait((moving,))
    begin = clock.now
    await clock.advance(1)
    assert clock.now == begin + 1


def test_it_is_a_loop_factory() -> None:
    clock = Clock(automatic=True)
    begin = clock.now
    with asyncio.Runner(loop_factory=clock.new_loop) as runner:
        runner.run(asyncio.sleep(60))
    assert clock.now == begin + 60
