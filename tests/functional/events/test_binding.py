"""Finding stream and consumer, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

import protonats
from protonats import Code, Connection, StatusError, provision
from protonats._consuming.consumer import Consumer
from protonats.testing import EmbeddedNats
from tests.functional.consuming import (
    INFO,
)
from tests.functional.game import (
    DURABLE,
    STREAM,
    Game,
    plan,
)

pytestmark = pytest.mark.anyio


async def _refusal(connection: Connection, game: Game) -> str:
    with pytest.raises(StatusError) as caught:
        await Consumer(connection, INFO, game).start()
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
                await Consumer(connection, INFO, game, startup_timeout=0.3).start()
    assert caught.value.code is Code.UNAVAILABLE


def test_a_server_without_its_handler_is_refused() -> None:
    class Half:
        __protonats__ = Game.__protonats__

    with pytest.raises(TypeError, match=r"Half consumes google\.protobuf\.StringValue and has no"):
        Consumer(object(), INFO, Half())  # type: ignore[arg-type]
