"""The state manager: called through its client, with real buckets and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from bodybroker.common.v1 import common_pb2
from bodybroker.state_manager.v1 import state_manager_pb2
from bodybroker.state_manager.v1.state_manager_nats import (
    StateManagerServiceClient,
    StateManagerServiceEvents,
)
from protonats import Code, Connection, StatusError
from protonats.testing import EmbeddedNats, EmbeddedRedis
from services.state_manager.service import StateManagerService
from services.state_manager.store import Key
from tests.functional.game import until
from tests.services.platform import Events, reason, serving
from tests.services.states import nested, plain, struct

pytestmark = pytest.mark.anyio

PLAYER = state_manager_pb2.STATE_KIND_PLAYER
ENTITY = state_manager_pb2.STATE_KIND_ENTITY
MERGE = common_pb2.UPDATE_MODE_MERGE
REPLACE = common_pb2.UPDATE_MODE_REPLACE
PLAYER_UPDATED = StateManagerServiceEvents.player_state_updated
ENTITY_UPDATED = StateManagerServiceEvents.entity_state_updated


@pytest.fixture
async def service(nats: EmbeddedNats, redis: EmbeddedRedis) -> AsyncIterator[StateManagerService]:
    async with serving(StateManagerService, nats.url, redis.url) as service:
        yield service


@pytest.fixture
def states(service: StateManagerService, connection: Connection) -> StateManagerServiceClient:
    return StateManagerServiceClient(connection)


async def update(
    states: StateManagerServiceClient,
    id: str,
    data: dict[str, Any],
    *,
    expected: int | None = None,
    mode: common_pb2.UpdateMode.ValueType = MERGE,
    kind: state_manager_pb2.StateKind.ValueType = PLAYER,
) -> state_manager_pb2.State:
    request = state_manager_pb2.UpdateRequest(
        kind=kind, id=id, data=struct(data), mode=mode, expected_version=expected
    )
    return (await states.update(request)).state


async def get(
    states: StateManagerServiceClient,
    id: str,
    kind: state_manager_pb2.StateKind.ValueType = PLAYER,
) -> state_manager_pb2.State:
    return (await states.get(state_manager_pb2.GetRequest(kind=kind, id=id))).state


async def test_what_was_written_is_read(states: StateManagerServiceClient) -> None:
    written = await update(states, "read", {"gold": 10, "bag": {"rope": 1}})

    assert written.key == state_manager_pb2.StateKey(kind=PLAYER, id="read")
    assert plain(written.data) == {"gold": 10.0, "bag": {"rope": 1.0}}
    assert written.version > 0
    assert written.updated_at.seconds > 0
    assert await get(states, "read") == written


async def test_merge_keeps_and_replace_drops(states: StateManagerServiceClient) -> None:
    await update(states, "modes", {"gold": 10, "bag": {"rope": 1}})

    merged = await update(states, "modes", {"gold": None, "bag": {"lamp": 2}})
    assert plain(merged.data) == {"bag": {"rope": 1.0, "lamp": 2.0}}

    replaced = await update(states, "modes", {"gold": 5}, mode=REPLACE)
    assert plain(replaced.data) == {"gold": 5.0}
    assert await get(states, "modes") == replaced


async def test_a_player_and_an_entity_may_have_the_same_id(
    states: StateManagerServiceClient,
) -> None:
    await update(states, "same", {"is": "player"})
    await update(states, "same", {"is": "entity"}, kind=ENTITY)

    assert plain((await get(states, "same")).data) == {"is": "player"}
    assert plain((await get(states, "same", ENTITY)).data) == {"is": "entity"}


async def test_a_write_over_another_version_is_aborted(
    states: StateManagerServiceClient,
) -> None:
    first = await update(states, "cas", {"gold": 1}, expected=0)
    second = await update(states, "cas", {"gold": 2}, expected=first.version)
    assert second.version > first.version

    for expected in (0, first.version, second.version + 1):
        with pytest.raises(StatusError, match=f"has version {second.version}, not") as raised:
            await update(states, "cas", {"gold": 3}, expected=expected)
        assert raised.value.code is Code.ABORTED
        assert reason(raised.value) == (
            "ERROR_REASON_VERSION_MISMATCH",
            {"expected_version": str(expected), "actual_version": str(second.version)},
        )
    assert await get(states, "cas") == second


async def test_nothing_is_stored_where_a_version_is_expected(
    states: StateManagerServiceClient,
) -> None:
    with pytest.raises(StatusError, match="has version 0, not 4") as raised:
        await update(states, "nothing", {"gold": 3}, expected=4)
    assert raised.value.code is Code.ABORTED


async def test_of_writers_with_the_same_version_exactly_one_wins(
    nats: EmbeddedNats, redis: EmbeddedRedis, states: StateManagerServiceClient, events: Events
) -> None:
    async def write(writer: int, expected: int) -> state_manager_pb2.State | Code:
        try:
            return await update(states, "race", {"winner": writer}, expected=expected)
        except StatusError as error:
            return error.code

    version, rounds = 0, 5
    # Two instances, so that nothing but the bucket decides.
    async with serving(StateManagerService, nats.url, redis.url):
        for _ in range(rounds):
            answers = await asyncio.gather(*(write(writer, version) for writer in range(16)))
            (winner,) = (state for state in answers if isinstance(state, state_manager_pb2.State))
            assert answers.count(Code.ABORTED) == 15
            assert winner.version > version
            assert await get(states, "race") == winner
            version = winner.version
    assert await events.count(PLAYER_UPDATED, "race") == rounds


async def test_writers_without_a_version_lose_nothing(
    nats: EmbeddedNats, redis: EmbeddedRedis, states: StateManagerServiceClient, events: Events
) -> None:
    async with serving(StateManagerService, nats.url, redis.url):
        written = await asyncio.gather(
            *(update(states, "crowd", {f"writer-{number}": number}) for number in range(24))
        )

    newest = await get(states, "crowd")
    assert plain(newest.data) == {f"writer-{number}": float(number) for number in range(24)}
    assert len({state.version for state in written}) == 24
    assert newest.version == max(state.version for state in written)
    assert await events.count(PLAYER_UPDATED, "crowd") == 24


async def test_a_write_is_told(states: StateManagerServiceClient, events: Events) -> None:
    await update(states, "told", {"gold": 1, "name": "Ada", "same": True})
    player = await update(states, "told", {"gold": 2, "name": None, "new": 1, "same": True})
    entity = await update(states, "told", {"open": True}, kind=ENTITY)

    event = await events.last(PLAYER_UPDATED, "told")
    assert (event.player_id, event.version) == ("told", player.version)
    assert event.data == player.data
    assert list(event.changed_keys) == ["gold", "name", "new"]
    assert event.occurred_at == player.updated_at
    assert await events.count(PLAYER_UPDATED, "told") == 2

    other = await events.last(ENTITY_UPDATED, "told")
    assert (other.entity_id, other.version) == ("told", entity.version)
    assert list(other.changed_keys) == ["open"]


async def test_what_was_never_written_is_not_found(states: StateManagerServiceClient) -> None:
    with pytest.raises(StatusError, match="no state was ever written for entity ghost") as raised:
        await get(states, "ghost", ENTITY)
    assert raised.value.code is Code.NOT_FOUND


async def test_many_states_are_read_at_once(
    states: StateManagerServiceClient, redis: EmbeddedRedis
) -> None:
    one = await update(states, "batch-1", {"n": 1})
    two = await update(states, "batch-2", {"n": 2}, kind=ENTITY)
    async with Redis(port=redis.port) as client:
        await client.delete("state:entity:batch-2")
    missing = state_manager_pb2.StateKey(kind=ENTITY, id="batch-1")

    answer = await states.batch_get(
        state_manager_pb2.BatchGetRequest(keys=[two.key, missing, one.key, two.key, missing])
    )

    assert list(answer.states) == [two, one]
    assert list(answer.missing) == [missing]


async def test_a_copy_is_read_before_the_bucket(
    states: StateManagerServiceClient, redis: EmbeddedRedis
) -> None:
    written = await update(states, "copied", {"gold": 1})
    async with Redis(port=redis.port) as client:
        assert await client.hget("state:player:copied", "state") == written.SerializeToString()
        await client.delete("state:player:copied")

        assert await get(states, "copied") == written
        assert await client.hget("state:player:copied", "state") == written.SerializeToString()

        forged = state_manager_pb2.State(key=written.key, version=written.version)
        await client.hset("state:player:copied", "state", forged.SerializeToString())
        assert await get(states, "copied") == forged


async def test_a_state_that_would_be_too_large_is_refused(
    states: StateManagerServiceClient,
) -> None:
    before = await update(states, "large", {"text": "x" * 200_000})
    with pytest.raises(StatusError, match="bytes: 262144 is the most") as raised:
        await update(states, "large", {"more": "x" * 100_000})
    assert raised.value.code is Code.RESOURCE_EXHAUSTED

    for number in range(4):
        await update(states, "wide", {f"{number}-{key}": 1 for key in range(256)})
    with pytest.raises(StatusError, match="1025 keys") as raised:
        await update(states, "wide", {"one-more": 1})
    assert raised.value.code is Code.RESOURCE_EXHAUSTED
    assert await get(states, "large") == before


async def test_the_deepest_state_can_be_written_and_read(
    states: StateManagerServiceClient,
) -> None:
    request = state_manager_pb2.UpdateRequest(kind=PLAYER, id="deep", mode=MERGE)
    request.data.CopyFrom(nested(32))
    written = (await states.update(request)).state
    assert await get(states, "deep") == written

    for levels in (33, 40):
        request.data.CopyFrom(nested(levels))
        with pytest.raises(StatusError) as raised:
            await states.update(request)
        assert raised.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda r: r.ClearField("kind"), "kind: "),
        (lambda r: setattr(r, "kind", 9), "kind: "),
        (lambda r: setattr(r, "id", ""), "id: "),
        (lambda r: setattr(r, "id", "a.b"), "id: "),
        (lambda r: setattr(r, "id", "a b"), "id: "),
        (lambda r: r.ClearField("mode"), "mode: "),
        (lambda r: r.ClearField("data"), "data: "),
        (lambda r: r.data.update({str(n): 1 for n in range(257)}), "data: "),
        (lambda r: r.data.update({"k" * 257: 1}), "keys of data must have at most 256 characters"),
        (lambda r: r.data.update({"n": float("nan")}), "nan under 'n' is no JSON number"),
    ],
)
async def test_an_update_that_breaks_a_rule_is_refused(
    states: StateManagerServiceClient,
    change: Callable[[state_manager_pb2.UpdateRequest], object],
    text: str,
) -> None:
    request = state_manager_pb2.UpdateRequest(kind=PLAYER, id="rules", mode=MERGE)
    request.data.update({"gold": 1})
    change(request)
    with pytest.raises(StatusError) as raised:
        await states.update(request)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert text in raised.value.message


async def test_a_read_that_breaks_a_rule_is_refused(states: StateManagerServiceClient) -> None:
    with pytest.raises(StatusError, match="id: ") as raised:
        await get(states, ">")
    assert raised.value.code is Code.INVALID_ARGUMENT

    key = state_manager_pb2.StateKey(kind=PLAYER, id="x")
    for keys in ([], [key] * 101, [state_manager_pb2.StateKey(id="x")]):
        with pytest.raises(StatusError) as raised:
            await states.batch_get(state_manager_pb2.BatchGetRequest(keys=keys))
        assert raised.value.code is Code.INVALID_ARGUMENT


async def test_a_call_that_ends_early_leaves_no_write_untold(
    service: StateManagerService,
    states: StateManagerServiceClient,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written, go_on = asyncio.Event(), asyncio.Event()
    put = service._cache.put

    async def slow_put(*copies: state_manager_pb2.State) -> None:
        written.set()
        await go_on.wait()
        await put(*copies)

    monkeypatch.setattr(service._cache, "put", slow_put)
    request = state_manager_pb2.UpdateRequest(kind=PLAYER, id="early", mode=MERGE)
    request.data.update({"gold": 1})
    call = asyncio.create_task(states.update(request, timeout=0.3))
    await written.wait()
    with pytest.raises(StatusError) as raised:
        await call
    assert raised.value.code is Code.DEADLINE_EXCEEDED

    go_on.set()

    async def told() -> bool:
        return await events.count(PLAYER_UPDATED, "early") == 1

    await until(told)
    # The deadline of the call, which has passed, is not that of the event.
    async with asyncio.timeout(5):
        await service._commits.finish()
    assert plain((await get(states, "early")).data) == {"gold": 1.0}


async def test_an_event_that_cannot_be_published_is_tried_again(
    service: StateManagerService,
    states: StateManagerServiceClient,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish = service._commits._publisher.publish_player_state_updated
    failures = [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED]

    async def fail_twice(*arguments: Any, **named: Any) -> object:
        if failures:
            raise StatusError(failures.pop(), "no leader")
        return await publish(*arguments, **named)

    monkeypatch.setattr(service._commits._publisher, "publish_player_state_updated", fail_twice)
    await update(states, "again", {"gold": 1})
    assert await events.count(PLAYER_UPDATED, "again") == 1


async def test_an_event_that_is_refused_fails_the_call_and_says_what_is_written(
    service: StateManagerService,
    states: StateManagerServiceClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*arguments: Any, **named: Any) -> object:
        raise StatusError(Code.RESOURCE_EXHAUSTED, "the stream is full")

    monkeypatch.setattr(service._commits._publisher, "publish_player_state_updated", refuse)
    with pytest.raises(StatusError, match=r"player full is written with version \d+, but") as e:
        await update(states, "full", {"gold": 1})
    assert e.value.code is Code.RESOURCE_EXHAUSTED
    assert plain((await get(states, "full")).data) == {"gold": 1.0}


async def test_without_redis_it_is_slower_and_not_wrong(
    nats: EmbeddedNats, connection: Connection, events: Events
) -> None:
    states = StateManagerServiceClient(connection)
    with EmbeddedRedis() as redis:
        async with serving(StateManagerService, nats.url, redis.url) as service:
            first = await update(states, "outage", {"gold": 1})
            assert await get(states, "outage") == first

            redis.stop()
            assert await get(states, "outage") == first
            second = await update(states, "outage", {"gold": 2}, expected=first.version)
            assert await get(states, "outage") == second
            with pytest.raises(StatusError) as raised:
                await update(states, "outage", {"gold": 3}, expected=first.version)
            assert raised.value.code is Code.ABORTED
            assert await events.count(PLAYER_UPDATED, "outage") == 2

            redis.start()

            await until(lambda: not service._cache.suspended)
            assert await get(states, "outage") == second
            copies = await service._cache.read([Key(PLAYER, "outage")])
            assert list(copies.values()) == [second]
