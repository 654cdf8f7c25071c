"""The NPC service: called through its client and told by events, with a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from bodybroker.npc_behavior.v1 import npc_behavior_pb2 as pb
from bodybroker.npc_behavior.v1.npc_behavior_nats import (
    NpcBehaviorServiceClient,
    NpcBehaviorServiceEvents,
)
from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServicePublisher
from protonats import Code, Connection, StatusError
from protonats.redis import connect_redis
from protonats.testing import EmbeddedNats, EmbeddedRedis
from services.npc_behavior.plans import Candidate, Outcome, Plans
from services.npc_behavior.service import NpcBehaviorService
from tests.services.npcs import entity, goal, request
from tests.services.platform import Events, serving

pytestmark = pytest.mark.anyio

DURABLE = "npc_quest_planner"
PLANNED = NpcBehaviorServiceEvents.npc_behavior_planned
ADA = entity("ada", disposition=0.5)


@pytest.fixture
async def service(nats: EmbeddedNats, redis: EmbeddedRedis) -> AsyncIterator[NpcBehaviorService]:
    async with serving(NpcBehaviorService, nats.url, redis.url) as service:
        yield service


@pytest.fixture
def npcs(service: NpcBehaviorService, connection: Connection) -> NpcBehaviorServiceClient:
    return NpcBehaviorServiceClient(connection)


@pytest.fixture
def quests(connection: Connection) -> QuestServicePublisher:
    return QuestServicePublisher(connection)


def generated(npc_id: str, quest_id: str, *, at: int = 100) -> quest_pb2.QuestGenerated:
    return quest_pb2.QuestGenerated(
        quest_id=quest_id,
        player_id="ada",
        title="Teeth in the Dark",
        giver_npc_id=npc_id,
        occurred_at=Timestamp(seconds=at),
    )


def completed(npc_id: str, quest_id: str, *, at: int = 200) -> quest_pb2.QuestCompleted:
    return quest_pb2.QuestCompleted(
        quest_id=quest_id,
        player_id="ada",
        giver_npc_id=npc_id,
        occurred_at=Timestamp(seconds=at),
    )


async def test_a_plan_is_kept_and_told(
    service: NpcBehaviorService, npcs: NpcBehaviorServiceClient, events: Events
) -> None:
    asked = request(goal(pb.GOAL_KIND_TRADE), entities=(ADA,), npc_id="npc-kept")

    plan = (await npcs.plan_behavior(asked)).plan

    assert [action.kind for action in plan.actions] == [
        pb.ACTION_KIND_SPEAK,
        pb.ACTION_KIND_TRADE,
    ]
    lasts = plan.valid_until.ToNanoseconds() - plan.planned_at.ToNanoseconds()
    assert lasts == 95 * 10**9
    assert await service._plans.current("npc-kept") == plan
    event = await events.last(PLANNED, "npc-kept")
    assert event.plan == plan
    assert event.quest_id == ""
    assert await events.count(PLANNED, "npc-kept") == 1


async def test_a_newer_plan_takes_the_place_of_the_older_one(
    service: NpcBehaviorService, npcs: NpcBehaviorServiceClient, events: Events
) -> None:
    asked = request(npc_id="npc-newer")
    first = (await npcs.plan_behavior(asked)).plan
    second = (await npcs.plan_behavior(asked)).plan

    assert first.actions == second.actions
    assert first.plan_id != second.plan_id
    assert await service._plans.current("npc-newer") == second
    assert await events.count(PLANNED, "npc-newer") == 2


async def test_no_action_serves_the_goals(npcs: NpcBehaviorServiceClient) -> None:
    with pytest.raises(StatusError, match="nothing that npc-1 could do") as raised:
        await npcs.plan_behavior(request(goal(pb.GOAL_KIND_ATTACK, "nobody")))
    assert raised.value.code is Code.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda r: setattr(r, "npc_id", "a.b"), "npc_id: "),
        (lambda r: r.ClearField("situation"), "situation: value is required"),
        (lambda r: setattr(r.situation, "health", 1.5), "situation.health: "),
        (lambda r: setattr(r.situation, "health", float("nan")), "situation.health: "),
        (lambda r: r.situation.entities.add(), "situation.entities["),
        (lambda r: r.situation.entities.append(entity("x", distance=-1)), "distance: "),
        (lambda r: r.situation.entities.append(entity("x", threat=2)), "threat: "),
        (lambda r: r.situation.entities.append(entity("x", disposition=-2)), "disposition: "),
        (lambda r: r.situation.entities.extend([entity("x")] * 65), "situation.entities: "),
        (lambda r: r.world.SetInParent(), "world.world_id: "),
        (lambda r: r.goals.add(goal_id="g", weight=1), "goals["),
        (lambda r: r.goals.add(goal_id="g", kind=99, weight=1), "goals["),
        (lambda r: r.goals.add(goal_id="g", kind=1), "goals["),
        (lambda r: r.goals.extend([goal(pb.GOAL_KIND_TRADE)] * 17), "goals: "),
        (lambda r: r.horizon.FromSeconds(0), "horizon: "),
        (lambda r: r.horizon.FromSeconds(86_401), "horizon: "),
        (lambda r: setattr(r, "max_actions", 0), "max_actions: "),
    ],
)
async def test_a_request_that_breaks_a_rule_is_refused(
    npcs: NpcBehaviorServiceClient,
    change: Callable[[pb.PlanBehaviorRequest], object],
    text: str,
) -> None:
    broken = request()
    change(broken)
    with pytest.raises(StatusError) as raised:
        await npcs.plan_behavior(broken)
    assert raised.value.code is Code.INVALID_ARGUMENT
    assert text in raised.value.message


async def test_live_steering_is_not_served(npcs: NpcBehaviorServiceClient) -> None:
    async def observations() -> AsyncIterator[pb.StreamBehaviorRequest]:
        yield pb.StreamBehaviorRequest()

    with pytest.raises(StatusError) as raised:
        async for _ in npcs.stream_behavior(observations()):
            pass
    assert raised.value.code is Code.UNIMPLEMENTED


async def test_without_redis_no_plan_is_promised(
    nats: EmbeddedNats, connection: Connection
) -> None:
    with EmbeddedRedis() as redis:
        async with serving(NpcBehaviorService, nats.url, redis.url):
            redis.stop()
            with pytest.raises(StatusError, match="Redis, where plans are kept") as raised:
                await NpcBehaviorServiceClient(connection).plan_behavior(request())
            assert raised.value.code is Code.UNAVAILABLE


async def test_a_quest_leads_to_a_plan_and_its_end_to_another(
    service: NpcBehaviorService, quests: QuestServicePublisher, events: Events
) -> None:
    ack = await quests.publish_quest_generated(generated("npc-a", "quest-a"))
    await events.handled(DURABLE, ack.sequence)

    offer = await events.last(PLANNED, "npc-a")
    assert offer.quest_id == "quest-a"
    assert [action.kind for action in offer.plan.actions][:2] == [
        pb.ACTION_KIND_SPEAK,
        pb.ACTION_KIND_OFFER_QUEST,
    ]
    assert await service._plans.current("npc-a") == offer.plan

    ack = await quests.publish_quest_completed(completed("npc-a", "quest-a"))
    await events.handled(DURABLE, ack.sequence)

    thanks = await events.last(PLANNED, "npc-a")
    assert thanks.plan.actions[0].utterance == "That was well done."
    assert thanks.quest_id == "quest-a"
    assert await service._plans.current("npc-a") == thanks.plan


async def test_an_event_that_the_stream_took_twice_is_handled_once(
    service: NpcBehaviorService, quests: QuestServicePublisher, events: Events
) -> None:
    for event_id in ("first-b", "second-b", "third-b"):
        ack = await quests.publish_quest_generated(generated("npc-b", "quest-b"), event_id=event_id)
        assert not ack.duplicate
    await events.handled(DURABLE, ack.sequence)

    assert await events.count(PLANNED, "npc-b") == 1


async def test_a_quest_that_is_over_leads_to_no_plan_any_more(
    service: NpcBehaviorService, quests: QuestServicePublisher, events: Events
) -> None:
    ack = await quests.publish_quest_completed(completed("npc-c", "quest-c"))
    await events.handled(DURABLE, ack.sequence)
    ack = await quests.publish_quest_generated(generated("npc-c", "quest-c"))
    await events.handled(DURABLE, ack.sequence)

    assert await events.count(PLANNED, "npc-c") == 1
    current = await service._plans.current("npc-c")
    assert current is not None
    assert current.actions[0].utterance == "That was well done."


async def test_an_npc_that_has_gone_on_to_something_else_is_left_alone(
    service: NpcBehaviorService,
    npcs: NpcBehaviorServiceClient,
    quests: QuestServicePublisher,
    events: Events,
) -> None:
    ack = await quests.publish_quest_generated(generated("npc-d", "quest-d"))
    await events.handled(DURABLE, ack.sequence)
    plan = (await npcs.plan_behavior(request(npc_id="npc-d"))).plan

    future = plan.planned_at.seconds + 1000
    ack = await quests.publish_quest_completed(completed("npc-d", "quest-d", at=future))
    await events.handled(DURABLE, ack.sequence)

    assert await service._plans.current("npc-d") == plan
    assert await events.count(PLANNED, "npc-d") == 2


async def test_a_plan_that_was_not_told_is_told_with_the_next_delivery(
    service: NpcBehaviorService,
    quests: QuestServicePublisher,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish = service._publisher.publish_npc_behavior_planned
    failures = [Code.UNAVAILABLE]

    async def fail_once(*arguments: Any, **named: Any) -> object:
        if failures:
            raise StatusError(failures.pop(), "no leader")
        return await publish(*arguments, **named)

    monkeypatch.setattr(service._publisher, "publish_npc_behavior_planned", fail_once)
    ack = await quests.publish_quest_generated(generated("npc-e", "quest-e"))
    await events.handled(DURABLE, ack.sequence)

    assert not failures
    assert await events.count(PLANNED, "npc-e") == 1
    event = await events.last(PLANNED, "npc-e")
    assert event.plan == await service._plans.current("npc-e")


async def test_a_quest_waits_for_redis(
    nats: EmbeddedNats, quests: QuestServicePublisher, events: Events
) -> None:
    with EmbeddedRedis() as redis:
        async with serving(NpcBehaviorService, nats.url, redis.url):
            redis.stop()
            ack = await quests.publish_quest_generated(generated("npc-f", "quest-f"))
            redis.start()
            await events.handled(DURABLE, ack.sequence)
    assert await events.count(PLANNED, "npc-f") == 1


async def test_plans_are_kept_in_a_cluster(redis_cluster: EmbeddedRedis) -> None:
    client = await connect_redis(redis_cluster.url.replace("redis://", "redis+cluster://"))
    plans = Plans(client)
    plan = pb.BehaviorPlan(plan_id="plan-1", npc_id="npc-1")

    assert await plans.replace(Candidate(plan=plan, at=Timestamp(seconds=5))) == (
        Outcome.STORED,
        plan,
    )
    for npc_id in ("npc-1", "npc-2", "npc-3"):
        found = await plans.current(npc_id)
        assert found == (plan if npc_id == "npc-1" else None)
    assert await client.ttl("npc_plan:npc-1") > 3590
    await client.aclose()


@pytest.mark.parametrize(
    ("plan_id", "at", "quest_id", "within_quest", "outcome"),
    [
        ("plan-2", 6, "", False, Outcome.STORED),
        ("plan-2", 5, "", False, Outcome.STORED),
        ("plan-2", 4, "", False, Outcome.KEPT),
        ("plan-1", 9, "", False, Outcome.KNOWN),
        ("plan-1", 1, "", False, Outcome.KNOWN),
        ("plan-2", 6, "quest-1", True, Outcome.STORED),
        ("plan-2", 6, "quest-2", True, Outcome.KEPT),
    ],
)
async def test_which_plan_replaces_which(
    redis: EmbeddedRedis,
    plan_id: str,
    at: int,
    quest_id: str,
    within_quest: bool,
    outcome: Outcome,
) -> None:
    client = await connect_redis(redis.url)
    await client.delete("npc_plan:npc-1")
    plans = Plans(client)
    first = pb.BehaviorPlan(plan_id="plan-1", npc_id="npc-1", planned_at=Timestamp(seconds=5))
    second = pb.BehaviorPlan(plan_id=plan_id, npc_id="npc-1", planned_at=Timestamp(seconds=at))
    await plans.replace(Candidate(plan=first, at=first.planned_at, quest_id="quest-1"))

    became, plan = await plans.replace(
        Candidate(plan=second, at=second.planned_at, quest_id=quest_id, within_quest=within_quest)
    )

    assert became is outcome
    assert plan == (first if outcome is Outcome.KNOWN else second)
    stands = second if outcome is Outcome.STORED else first
    assert await plans.current("npc-1") == stands
    await client.aclose()
