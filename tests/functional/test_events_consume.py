"""Consuming events: one durable consumer, shared by instances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

import protonats
from protonats import Code, Connection, EventContext, RetryEvent, StatusError, deadline, provision
from protonats._consuming.consumer import Consumer
from protonats.testing import EmbeddedNats
from tests.functional.game import (
    DURABLE,
    SCORED,
    STREAM,
    WON,
    Game,
    GameServicePublisher,
    plan,
    until,
)
from tests.functional.raw_nats import raw_nats

pytestmark = pytest.mark.anyio

_INFO = Game.__protonats__.consumers[0]


@pytest.fixture(scope="module")
def nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats(jetstream=True) as nats:
        yield nats


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with await protonats.connect(nats.url) as connection:
        yield connection
        for stream in await connection.jetstream.streams_info():
            await connection.jetstream.delete_stream(str(stream.config.name))


@pytest.fixture
def game() -> Game:
    return Game()


@pytest.fixture
async def consumers(connection: Connection) -> AsyncIterator[list[Consumer]]:
    """Whatever a test starts is drained at its end."""
    started: list[Consumer] = []
    yield started
    for consumer in started:
        await consumer.drain(0)


async def consume(
    connection: Connection, game: Game, consumers: list[Consumer], **settings: object
) -> Consumer:
    """Creates stream and consumer with these settings, and starts to consume."""
    await provision.apply(connection.jetstream, plan(**settings))
    consumer = Consumer(connection, _INFO, game)
    consumers.append(consumer)
    await consumer.start()
    return consumer


async def unanswered(connection: Connection) -> int:
    """How many messages the consumer has not got to their end."""
    info = await connection.jetstream.consumer_info(STREAM, DURABLE)
    return int(info.num_pending or 0) + int(info.num_ack_pending or 0)


async def all_answered(connection: Connection) -> None:
    async def condition() -> bool:
        return await unanswered(connection) == 0

    await until(condition)


def handled(connection: Connection, event: str, result: str) -> float:
    """The counter of deliveries."""
    for line in connection.metrics.render().decode().splitlines():
        labels = f'{{consumer="{DURABLE}",event="{event}",result="{result}"}} '
        if line.startswith(f"protonats_events_handled_total{labels}"):
            return float(line.rpartition(" ")[2])
    return 0


async def test_a_handler_gets_the_event_and_what_is_known_about_it(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    await consume(connection, game, consumers)
    publisher = GameServicePublisher(connection)
    ack = await publisher.publish_won(StringValue(value="q-1"), metadata={"user": "u-42"})
    await publisher.publish_scored(Int64Value(value=7))
    await until(lambda: len(game.events) == 2)
    await all_answered(connection)

    value, context = game.events[0]
    assert (value, game.values[1]) == ("q-1", 7)
    assert context.subject == "evt.game.won.v1.q-1"
    assert context.event_id == ack.event_id
    assert context.metadata == {"user": "u-42"}
    assert (context.stream, context.sequence, context.delivery) == (STREAM, 1, 1)
    assert timedelta(0) <= datetime.now(UTC) - context.published_at < timedelta(minutes=1)
    assert (
        handled(connection, WON, "acknowledged") == handled(connection, SCORED, "acknowledged") == 1
    )


async def test_an_event_without_its_type_is_told_by_its_subject(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    await consume(connection, game, consumers)
    body = Int64Value(value=3).SerializeToString()
    await connection.jetstream.publish("evt.game.scored.v1", body)
    await until(lambda: game.values == [3])

    assert game.events[0][1].event_id == ""


async def test_what_a_handler_publishes_carries_the_trace_of_its_event_and_no_deadline(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    seen: list[float | None] = []

    async def on_event(value: str | int, context: EventContext) -> None:
        seen.append(deadline.current())
        if value == "first":
            await GameServicePublisher(connection).publish_won(StringValue(value="second"))

    game.on_event = on_event
    await consume(connection, game, consumers)
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with deadline.scope(None, traceparent):
        await GameServicePublisher(connection).publish_won(StringValue(value="first"))
    await until(lambda: game.values == ["first", "second"])

    assert [context.trace for _, context in game.events] == [traceparent, traceparent]
    assert seen == [None, None]


async def test_two_instances_share_the_events_and_each_is_handled_once(
    nats: EmbeddedNats, connection: Connection, consumers: list[Consumer]
) -> None:
    games = Game(), Game()
    async with await protonats.connect(nats.url) as other:
        await consume(connection, games[0], consumers)
        second = await consume(other, games[1], [])
        publisher = GameServicePublisher(connection)
        await asyncio.gather(
            *(publisher.publish_won(StringValue(value=f"{n}")) for n in range(500))
        )
        await until(lambda: sum(len(game.events) for game in games) >= 500)
        await all_answered(connection)
        await second.drain(1)

    assert sorted(games[0].values + games[1].values) == sorted(str(n) for n in range(500))
    assert all(game.events for game in games)


async def test_many_more_events_than_may_be_unanswered_all_arrive(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    running, most = 0, 0

    async def on_event(value: str | int, context: EventContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    game.on_event = on_event
    await consume(connection, game, consumers, max_ack_pending=7)
    publisher = GameServicePublisher(connection)
    await asyncio.gather(*(publisher.publish_scored(Int64Value(value=n)) for n in range(1000)))
    await until(lambda: len(game.events) == 1000)

    assert sorted(map(int, game.values)) == list(range(1000))
    assert most <= 7


async def test_a_slow_handler_does_not_hold_up_the_events_behind_it(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    release = asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        if value == "slow":
            await release.wait()

    game.on_event = on_event
    await consume(connection, game, consumers, max_ack_pending=2)
    publisher = GameServicePublisher(connection)
    for value in ("slow", "a", "b", "c"):
        await publisher.publish_won(StringValue(value=value))
    await until(lambda: game.values == ["slow", "a", "b", "c"])
    release.set()
    await all_answered(connection)


async def test_a_failed_event_is_delivered_again_after_each_back_off(
    connection: Connection, game: Game, consumers: list[Consumer], caplog: pytest.LogCaptureFixture
) -> None:
    times: list[float] = []

    async def on_event(value: str | int, context: EventContext) -> None:
        times.append(asyncio.get_running_loop().time())
        if context.delivery < 3:
            raise ValueError("not yet")

    game.on_event = on_event
    await consume(connection, game, consumers, backoff_seconds=[0.1, 0.4])
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: len(times) == 3)
    await all_answered(connection)

    assert [context.delivery for _, context in game.events] == [1, 2, 3]
    assert len({context.event_id for _, context in game.events}) == 1
    assert 0.1 <= times[1] - times[0] < 0.4 <= times[2] - times[1]
    assert handled(connection, WON, "retried") == 2
    assert handled(connection, WON, "acknowledged") == 1
    record = next(r for r in caplog.records if r.message == f"the handler of {WON} failed")
    assert record.exc_info is not None
    assert (record.sequence, record.delivery) == (1, 1)  # type: ignore[attr-defined]


async def test_a_handler_can_choose_the_delay_itself(
    connection: Connection, game: Game, consumers: list[Consumer], caplog: pytest.LogCaptureFixture
) -> None:
    times: list[float] = []

    async def on_event(value: str | int, context: EventContext) -> None:
        times.append(asyncio.get_running_loop().time())
        if context.delivery == 1:
            raise RetryEvent(delay=0.3)

    game.on_event = on_event
    await consume(connection, game, consumers, backoff_seconds=[10])
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: len(times) == 2)

    assert 0.3 <= times[1] - times[0] < 5
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf")])
async def test_a_delay_that_is_no_number_of_seconds_is_refused(delay: float) -> None:
    with pytest.raises(ValueError, match="write a number of seconds, 0 or more"):
        RetryEvent(delay=delay)


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_nothing_that_a_handler_raises_ends_the_consumer(
    connection: Connection, game: Game, consumers: list[Consumer], error: BaseException
) -> None:
    async def on_event(value: str | int, context: EventContext) -> None:
        if context.delivery == 1:
            raise error

    game.on_event = on_event
    await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: game.values == ["a", "a"])
    await all_answered(connection)


async def test_a_slow_handler_keeps_its_message_while_it_works(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    done = asyncio.Event()
    answers: list[bytes] = []
    await connection._transport.subscribe("$JS.ACK.>", lambda message: answers.append(message.body))

    async def on_event(value: str | int, context: EventContext) -> None:
        # Two in each time that the server waits: four times as long as it would without them.
        await until(lambda: answers.count(b"+WPI") >= 8)
        await context.in_progress()
        done.set()

    game.on_event = on_event
    await consume(connection, game, consumers, ack_wait_seconds=0.5)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(done.is_set)
    await all_answered(connection)

    assert [context.delivery for _, context in game.events] == [1]


async def test_a_drain_waits_for_running_handlers_and_takes_nothing_new(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    release = asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        await release.wait()
        # Calls and events of its own still go out.
        await GameServicePublisher(connection).publish_won(StringValue(value="after"))

    game.on_event = on_event
    consumer = await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="running"))
    await until(lambda: game.values == ["running"])
    drain = asyncio.create_task(consumer.drain(20))
    await until(lambda: connection._transport._subscriptions.isdisjoint(_inboxes(consumer)))
    assert not drain.done()
    release.set()
    await drain

    assert game.values == ["running"]
    assert handled(connection, WON, "acknowledged") == 1

    async def one_is_left() -> bool:
        return await unanswered(connection) == 1

    await until(one_is_left)


def _inboxes(consumer: Consumer) -> set[object]:
    assert consumer._pull is not None
    return {consumer._pull._subscription}


async def test_what_does_not_end_within_the_grace_period_goes_to_another_instance_at_once(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    async def on_event(value: str | int, context: EventContext) -> None:
        await asyncio.Event().wait()

    game.on_event = on_event
    consumer = await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: game.values == ["a"])
    started = asyncio.get_running_loop().time()
    await consumer.drain(0.2)
    assert 0.2 <= asyncio.get_running_loop().time() - started < 5
    assert handled(connection, WON, "abandoned") == 1

    other = Game()
    await consume(connection, other, consumers)
    await until(lambda: other.values == ["a"])
    assert other.events[0][1].delivery == 2


async def test_consumption_goes_on_after_the_broker_was_restarted() -> None:
    game = Game()
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            consumer = await consume(connection, game, [])
            publisher = GameServicePublisher(connection)
            await publisher.publish_won(StringValue(value="before"))
            await until(lambda: game.values == ["before"])
            for restart in range(2):
                nats.kill()
                await until(lambda: not connection.is_connected)
                nats.start()
                await until(lambda: connection.is_connected)
                await _publish_when_possible(publisher, f"after-{restart}")
                await until(partial(game.has, f"after-{restart}"))
            assert consumer.problem is None
            await consumer.drain(1)


async def test_a_short_break_of_the_connection_costs_no_time(
    connection: Connection, game: Game, consumers: list[Consumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server forgets what a connection had asked for."""
    for name in ("_WATCH", "_SILENCE"):
        monkeypatch.setattr(f"protonats._consuming.pull.{name}", 3600.0)
    await consume(connection, game, consumers)
    publisher = GameServicePublisher(connection)
    for value in ("a", "b"):
        await connection._transport._client.force_reconnect()
        await until(lambda: connection.is_connected)
        await _publish_when_possible(publisher, value)
        await until(partial(game.has, value), 5.0)


async def test_a_consumer_that_ended_hears_of_no_reconnect(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    consumer = await consume(connection, game, consumers)
    assert connection._on_restored
    await consumer.drain(0)
    assert not connection._on_restored


async def test_an_event_whose_headers_begin_like_a_status_is_an_event(
    nats: EmbeddedNats,
    connection: Connection,
    game: Game,
    consumers: list[Consumer],
) -> None:
    """Whoever may publish the event could otherwise make the consumer look broken."""
    consumer = await consume(connection, game, consumers)
    async with raw_nats(nats.url) as raw:
        body = Int64Value(value=3).SerializeToString()
        raw.publish("evt.game.scored.v1", body, headers=b"NATS/1.0 503 x\r\n\r\n")
        await until(lambda: game.values == [3])
    await all_answered(connection)
    assert consumer.problem is None


async def test_events_that_are_all_at_work_elsewhere_are_no_problem(
    nats: EmbeddedNats,
    connection: Connection,
    game: Game,
    consumers: list[Consumer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server sends its heartbeats all the same."""
    monkeypatch.setattr("protonats._consuming.pull._HEARTBEAT", 0.2)
    monkeypatch.setattr("protonats._consuming.pull._SILENCE", 0.5)
    release = asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        await release.wait()

    game.on_event = on_event
    async with await protonats.connect(nats.url) as other:
        busy = await consume(connection, game, consumers, max_ack_pending=1)
        await GameServicePublisher(connection).publish_won(StringValue(value="a"))
        await until(lambda: game.values == ["a"])
        idle = await consume(other, Game(), [], max_ack_pending=1)
        assert idle._pull is not None
        begun = asyncio.get_running_loop().time()
        pull = idle._pull
        await until(lambda: bool(idle.problem or busy.problem) or pull._heard > begun + 1.5)
        assert (idle.problem, busy.problem) == (None, None)
        release.set()
        await idle.drain(0)


async def test_a_server_that_never_answers_is_a_problem(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it refuses the request for messages, which only its log tells."""
    monkeypatch.setattr("protonats._consuming.pull._SILENCE", 0.3)
    config = """
    jetstream {}
    authorization { users: [
      {user: admin, password: p}
      {user: game, password: p, permissions: {publish: {deny: "$JS.API.CONSUMER.MSG.NEXT.>"}}}
    ] }"""
    with EmbeddedNats(jetstream=True, config=config) as nats:
        async with (
            await protonats.connect(nats.url.replace("//", "//admin:p@")) as admin,
            await protonats.connect(nats.url.replace("//", "//game:p@")) as connection,
        ):
            await provision.apply(admin.jetstream, plan())
            consumer = Consumer(connection, _INFO, game)
            await consumer.start()
            await until(lambda: (consumer.problem or "").endswith("JetStream does not answer"))
            await consumer.drain(0)


@pytest.mark.parametrize("trace", ["nonsense", "00-0-0-0", "x" * 10_000])
async def test_a_trace_context_that_is_none_is_left_out(
    connection: Connection, game: Game, consumers: list[Consumer], trace: str
) -> None:
    await consume(connection, game, consumers)
    body = Int64Value(value=3).SerializeToString()
    await connection.jetstream.publish("evt.game.scored.v1", body, headers={"traceparent": trace})
    await until(lambda: game.values == [3])
    assert game.events[0][1].trace is None


async def _publish_when_possible(publisher: GameServicePublisher, value: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await publisher.publish_won(StringValue(value=value), event_id=value)
                return
            except StatusError:
                await asyncio.sleep(0.05)


async def test_an_answer_that_cannot_be_sent_means_another_delivery() -> None:
    game, down = Game(), asyncio.Event()

    async def on_event(value: str | int, context: EventContext) -> None:
        if context.delivery == 1:
            await down.wait()

    game.on_event = on_event
    with EmbeddedNats(jetstream=True) as nats:
        async with await protonats.connect(nats.url) as connection:
            consumer = await consume(connection, game, [], ack_wait_seconds=0.5)
            await GameServicePublisher(connection).publish_won(StringValue(value="a"))
            await until(lambda: game.values == ["a"])
            nats.stop()
            await until(lambda: not connection.is_connected)
            down.set()
            await until(lambda: handled(connection, WON, "abandoned") == 1)
            nats.start()
            await until(lambda: game.values == ["a", "a"])
            await consumer.drain(1)


async def test_a_deleted_consumer_is_a_problem_until_it_is_there_again(
    connection: Connection,
    game: Game,
    consumers: list[Consumer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer = await consume(connection, game, consumers)
    await GameServicePublisher(connection).publish_won(StringValue(value="a"))
    await until(lambda: game.values == ["a"])
    await connection.jetstream.delete_consumer(STREAM, DURABLE)
    await until(lambda: (consumer.problem or "").startswith(f"consumer {DURABLE}: "))

    with caplog.at_level(logging.INFO, "protonats"):
        await provision.apply(connection.jetstream, plan())
        await GameServicePublisher(connection).publish_won(StringValue(value="b"))
        await until(lambda: game.has("b"))
    assert consumer.problem is None
    assert f"consumer {DURABLE} delivers again" in caplog.text


async def test_a_message_that_is_not_from_the_stream_is_dropped_and_counted(
    connection: Connection, game: Game, consumers: list[Consumer]
) -> None:
    consumer = await consume(connection, game, consumers)
    assert consumer._pull is not None
    body = StringValue(value="forged").SerializeToString()
    for reply in ("", "svc.payment.v1.process"):
        connection._transport.publish(f"{consumer._pull._inbox}0", body, reply=reply)
    await GameServicePublisher(connection).publish_won(StringValue(value="real"))
    await until(lambda: "real" in game.values)

    assert game.values == ["real"]
    assert 'protonats_dropped_total{reason="delivery"} 2.0' in connection.metrics.render().decode()


async def _refusal(connection: Connection, game: Game) -> str:
    with pytest.raises(StatusError) as caught:
        await Consumer(connection, _INFO, game).start()
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert "`python -m protonats.provision generated/deploy/nats/" in caught.value.message
    return caught.value.message


async def test_a_missing_stream_is_named_with_what_creates_it(
    connection: Connection, game: Game
) -> None:
    message = await _refusal(connection, game)
    assert message.startswith(f"consumer {DURABLE}: no stream stores evt.game.won.v1.*: create it")


async def test_a_missing_consumer_is_named_with_what_creates_it(
    connection: Connection, game: Game
) -> None:
    await provision.apply(connection.jetstream, {"streams": plan()["streams"]})

    message = await _refusal(connection, game)
    assert message.startswith(f"there is no consumer {DURABLE} in stream {STREAM}: create it")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"deliver_subject": "somewhere"}, "it is a push consumer, and has to be a pull consumer"),
        ({"ack_policy": "none"}, "its ack policy is none, and has to be explicit"),
        ({"max_deliver": 5}, "its max_deliver is 5 and has to be -1, the limit is the runtime's"),
        ({"filter_subjects": ["evt.game.won.v1.*"]}, "it does not receive evt.game.scored.v1"),
    ],
)
async def test_a_consumer_that_does_not_fit_is_refused_with_the_reason(
    connection: Connection, game: Game, config: dict[str, Any], reason: str
) -> None:
    await provision.apply(connection.jetstream, {"streams": plan()["streams"]})
    await connection.jetstream.add_consumer(STREAM, durable_name=DURABLE, name=DURABLE, **config)

    message = await _refusal(connection, game)
    assert message.startswith(f"consumer {DURABLE} does not fit its schema: {reason}; mend it")


async def test_events_in_two_streams_are_refused(connection: Connection, game: Game) -> None:
    await connection.jetstream.add_stream(name="ONE", subjects=["evt.game.won.>"])
    await connection.jetstream.add_stream(name="TWO", subjects=["evt.game.scored.>"])

    assert "its events are in the streams ONE, TWO" in await _refusal(connection, game)


async def test_no_jetstream_is_unavailable_after_the_time_to_start(game: Game) -> None:
    with EmbeddedNats() as nats:
        async with await protonats.connect(nats.url) as connection:
            with pytest.raises(StatusError, match="JetStream does not answer") as caught:
                await Consumer(connection, _INFO, game, startup_timeout=0.3).start()
    assert caught.value.code is Code.UNAVAILABLE


def test_a_server_without_its_handler_is_refused() -> None:
    class Half:
        __protonats__ = Game.__protonats__

    with pytest.raises(TypeError, match=r"Half consumes google\.protobuf\.StringValue and has no"):
        Consumer(object(), _INFO, Half())  # type: ignore[arg-type]
