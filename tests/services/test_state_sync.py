"""World events become entity states: once each, in whatever way they are delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bodybroker.state_manager.v1 import state_manager_pb2
from bodybroker.state_manager.v1.state_manager_nats import (
    StateManagerServiceClient,
    StateManagerServiceEvents,
)
from bodybroker.world_state.v1 import world_state_pb2
from bodybroker.world_state.v1.world_state_nats import WorldStateServicePublisher
from protonats import Code, Connection, StatusError
from protonats.testing import EmbeddedNats, EmbeddedRedis
from services.state_manager.service import StateManagerService
from tests.functional.game import until
from tests.services.platform import Events, serving
from tests.services.states import AT, entity_event, plain

pytestmark = pytest.mark.anyio

DURABLE = "world_state_sync"
UPDATED = StateManagerServiceEvents.entity_state_updated


@pytest.fixture
async def service(nats: EmbeddedNats, redis: EmbeddedRedis) -> AsyncIterator[StateManagerService]:
    async with serving(StateManagerService, nats.url, redis.url) as service:
        yield service


@pytest.fixture
def world(connection: Connection) -> WorldStateServicePublisher:
    return WorldStateServicePublisher(connection)


async def seen(connection: Connection, entity_id: str) -> dict[str, Any]:
    """What an entity's state says of the world."""
    states = StateManagerServiceClient(connection)
    request = state_manager_pb2.GetRequest(kind=state_manager_pb2.STATE_KIND_ENTITY, id=entity_id)
    state = (await states.get(request)).state
    overworld: dict[str, Any] = plain(state.data)["worlds"]["overworld"]
    return overworld


@pytest.mark.usefixtures("service")
async def test_an_entity_of_the_world_becomes_a_state(
    connection: Connection, world: WorldStateServicePublisher, events: Events
) -> None:
    ack = await world.publish_world_entity_updated(entity_event("npc-1", 4, zone_id="mill"))
    await events.handled(DURABLE, ack.sequence)

    assert (await seen(connection, "npc-1"))["zone_id"] == "mill"
    event = await events.last(UPDATED, "npc-1")
    assert list(event.changed_keys) == ["worlds"]


@pytest.mark.usefixtures("service")
async def test_an_event_that_the_stream_took_twice_is_handled_once(
    connection: Connection, world: WorldStateServicePublisher, events: Events
) -> None:
    # Other ids, as if the window of the stream had passed.
    for event_id in ("first", "second", "third"):
        ack = await world.publish_world_entity_updated(
            entity_event("npc-2", 4), event_id=f"{event_id}-npc-2"
        )
        assert not ack.duplicate
    await events.handled(DURABLE, ack.sequence)

    assert await events.count(UPDATED, "npc-2") == 1


@pytest.mark.usefixtures("service")
async def test_an_event_that_comes_late_is_left_out(
    connection: Connection, world: WorldStateServicePublisher, events: Events
) -> None:
    ack = await world.publish_world_entity_updated(entity_event("npc-3", 8, zone_id="mill"))
    await events.handled(DURABLE, ack.sequence)
    ack = await world.publish_world_entity_updated(entity_event("npc-3", 7, zone_id="market"))
    await events.handled(DURABLE, ack.sequence)

    assert (await seen(connection, "npc-3"))["zone_id"] == "mill"
    assert await events.count(UPDATED, "npc-3") == 1


@pytest.mark.usefixtures("service")
async def test_what_a_world_lost_is_absent_for_good(
    connection: Connection, world: WorldStateServicePublisher, events: Events
) -> None:
    await world.publish_world_entity_updated(entity_event("npc-4", 1))
    ack = await world.publish_world_state_changed(
        world_state_pb2.WorldStateChanged(
            world_id="overworld",
            version=2,
            previous_version=1,
            removed_entity_ids=["npc-4", "npc-never-seen"],
            occurred_at=AT,
        )
    )
    await events.handled(DURABLE, ack.sequence)
    for entity_id in ("npc-4", "npc-never-seen"):
        ack = await world.publish_world_entity_updated(
            entity_event(entity_id, 1), event_id=f"late-{entity_id}"
        )
    await events.handled(DURABLE, ack.sequence)

    for entity_id in ("npc-4", "npc-never-seen"):
        assert await seen(connection, entity_id) == {"version": 2.0, "present": False}


async def test_a_write_that_was_not_told_is_told_with_the_next_delivery(
    service: StateManagerService,
    world: WorldStateServicePublisher,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher = service._commits._publisher
    publish = publisher.publish_entity_state_updated
    failures = [Code.FAILED_PRECONDITION]

    async def fail_once(*arguments: Any, **named: Any) -> object:
        if failures:
            raise StatusError(failures.pop(), "no stream")
        return await publish(*arguments, **named)

    monkeypatch.setattr(publisher, "publish_entity_state_updated", fail_once)
    ack = await world.publish_world_entity_updated(entity_event("npc-5", 4))
    await events.handled(DURABLE, ack.sequence)

    assert not failures
    assert await events.count(UPDATED, "npc-5") == 1


@pytest.mark.usefixtures("service")
async def test_an_event_that_can_never_be_handled_becomes_a_dead_letter(
    connection: Connection, world: WorldStateServicePublisher, events: Events
) -> None:
    broken = world_state_pb2.WorldEntityUpdated(entity_id="npc-6", world_id="overworld", version=1)
    ack = await world.publish_world_entity_updated(broken)
    await events.handled(DURABLE, ack.sequence)

    async def buried() -> bool:
        info = await connection.jetstream.stream_info("DLQ")
        return info.state.messages == 1

    await until(buried)
    letter = await connection.jetstream.get_last_msg("DLQ", f"dlq.GAME_EVENTS.{DURABLE}")
    assert letter.data == broken.SerializeToString()
    assert "neither `updated` nor `removed`" in (letter.headers or {})["Pn-Error"]


async def test_events_that_came_while_nobody_served_are_handled_later(
    nats: EmbeddedNats,
    redis: EmbeddedRedis,
    connection: Connection,
    world: WorldStateServicePublisher,
    events: Events,
) -> None:
    ack = await world.publish_world_entity_updated(entity_event("npc-7", 1))
    async with serving(StateManagerService, nats.url, redis.url):
        await events.handled(DURABLE, ack.sequence)
        assert (await seen(connection, "npc-7"))["present"] is True
