"""Events between services of one process."""

from __future__ import annotations

import pytest
from google.protobuf.wrappers_pb2 import StringValue

import protonats
from protonats.testing import Clock, LocalPlatform
from tests.functional.game import STREAM, Game, GameServicePublisher, plan, until

pytestmark = pytest.mark.anyio


async def test_events_reach_the_handlers_without_any_plan() -> None:
    game = Game()
    async with LocalPlatform(game) as platform:
        await GameServicePublisher(platform.connection).publish_won(StringValue(value="ann"))
        await until(lambda: game.has("ann"))


async def test_instances_share_the_events() -> None:
    one, other = Game(), Game()
    async with LocalPlatform(one, other) as platform:
        publisher = GameServicePublisher(platform.connection)
        for number in range(20):
            await publisher.publish_won(StringValue(value=str(number)))
        await until(lambda: len(one.events) + len(other.events) == 20)
    assert {*one.values, *other.values} == {str(number) for number in range(20)}


async def test_events_wait_for_a_service_that_is_cut_off() -> None:
    game = Game()
    async with LocalPlatform(game) as platform:
        publisher = GameServicePublisher(platform.connection)
        platform.disconnect(platform.applications[0].connection)
        await publisher.publish_won(StringValue(value="ann"))
        assert game.events == []
        platform.reconnect()
        await until(lambda: game.has("ann"))


async def test_an_answer_that_is_lost_brings_the_event_again() -> None:
    game = Game()
    async with LocalPlatform(game, plan=plan(ack_wait_seconds=0.2)) as platform:
        lost: list[str] = []

        def lose_one(subject: str) -> bool:
            lost.extend([subject] if subject.startswith("$JS.ACK.") and not lost else [])
            return lost == [subject]

        platform.faults.loss = lose_one
        await GameServicePublisher(platform.connection).publish_won(StringValue(value="ann"))
        await until(lambda: len(game.events) == 2)
    assert [context.delivery for _, context in game.events] == [1, 2]


async def test_push_consumers_and_watchers_are_refused() -> None:
    async with LocalPlatform(plan={"buckets": [{"name": "doors"}]}) as platform:
        jetstream = platform.connection.jetstream
        with pytest.raises(NotImplementedError, match="EmbeddedNats"):
            await (await jetstream.key_value("doors")).watchall()


class TestInTimeOfItsOwn:
    """Back-off of minutes, in no time."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def anyio_backend(self, clock: Clock) -> object:
        return clock.anyio_backend

    async def test_an_event_comes_again_after_its_back_off(self, clock: Clock) -> None:
        game = Game()
        times: list[float] = []

        async def fail(value: str | int, context: protonats.EventContext) -> None:
            times.append(clock.now)
            raise ValueError("not yet")

        game.on_event = fail
        slow = plan(backoff_seconds=[60, 600], max_deliver=3, ack_wait_seconds=30)
        async with LocalPlatform(game, plan=slow) as platform:
            await GameServicePublisher(platform.connection).publish_won(StringValue(value="ann"))
            await clock.advance(59)
            assert len(times) == 1
            await clock.advance(1)
            assert len(times) == 2
            await clock.advance(599)
            assert len(times) == 2
            await clock.advance(1)
            assert len(times) == 3
        assert [round(time - times[0]) for time in times] == [0, 60, 660]

    async def test_a_stream_forgets_what_is_too_old(self, clock: Clock) -> None:
        everything = plan()
        everything["streams"][0]["max_age_seconds"] = 86_400
        async with LocalPlatform(plan=everything) as platform:
            publisher = GameServicePublisher(platform.connection)
            await publisher.publish_won(StringValue(value="ann"), event_id="one")
            await clock.advance(61)
            again = await publisher.publish_won(StringValue(value="bob"), event_id="one")
            assert not again.duplicate
            await clock.advance(86_400 - 60)

            info = await platform.connection.jetstream.stream_info(STREAM)
            assert (info.state.messages, info.state.first_seq) == (1, 2)
