"""Serves bodybroker.npc_behavior.v1.NpcBehaviorService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from hashlib import blake2b
from types import TracebackType
from typing import Self

from google.protobuf.timestamp_pb2 import Timestamp

import protonats
from bodybroker.npc_behavior.v1 import npc_behavior_pb2
from bodybroker.npc_behavior.v1.npc_behavior_nats import (
    NpcBehaviorServicePublisher,
    NpcBehaviorServiceServer,
)
from bodybroker.quest.v1 import quest_pb2
from services.npc_behavior import quest_parts
from services.npc_behavior.planner import plan_actions
from services.npc_behavior.plans import Candidate, Outcome, Plans


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now


class NpcBehaviorService(NpcBehaviorServiceServer):
    """Plans what NPCs do.

    A plan is an ordered list of actions with durations and priorities. An NPC
    has one plan at a time: a newer one takes the place of the older one. NPCs
    that take part in a quest get a plan as soon as the quest is generated.

    When the quest is completed, those that still follow its plan get another one.
    """

    def __init__(self, app: protonats.Application, *, now: Callable[[], Timestamp] = _now) -> None:
        self._app = app
        self._now = now

    async def __aenter__(self) -> Self:
        self._plans = Plans(self._app.redis)
        self._publisher = NpcBehaviorServicePublisher(self._app.connection)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def plan_behavior(
        self,
        request: npc_behavior_pb2.PlanBehaviorRequest,
        context: protonats.CallContext,
    ) -> npc_behavior_pb2.PlanBehaviorResponse:
        plan = self._plan(request, _plan_id(request.npc_id, context.call_id))
        outcome, plan = await self._plans.replace(Candidate(plan=plan, at=plan.planned_at))
        # A plan that came in between is newer by a moment: this one never was the NPC's.
        if outcome is not Outcome.KEPT:
            await self._announce(plan, quest_id="")
        return npc_behavior_pb2.PlanBehaviorResponse(plan=plan)

    def stream_behavior(
        self,
        requests: AsyncIterator[npc_behavior_pb2.StreamBehaviorRequest],
        context: protonats.CallContext,
    ) -> AsyncIterator[npc_behavior_pb2.StreamBehaviorResponse]:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "StreamBehavior is not implemented",
        )

    async def on_quest_generated(
        self,
        event: quest_pb2.QuestGenerated,
        context: protonats.EventContext,
    ) -> None:
        for request in quest_parts.begun(event):
            await self._plan_for_quest(request, event, context, within_quest=False)

    async def on_quest_completed(
        self,
        event: quest_pb2.QuestCompleted,
        context: protonats.EventContext,
    ) -> None:
        for request in quest_parts.ended(event):
            await self._plan_for_quest(request, event, context, within_quest=True)

    async def _plan_for_quest(
        self,
        request: npc_behavior_pb2.PlanBehaviorRequest,
        event: quest_pb2.QuestGenerated | quest_pb2.QuestCompleted,
        context: protonats.EventContext,
        *,
        within_quest: bool,
    ) -> None:
        """Plans for one NPC of a quest; once, however often the event comes."""
        plan_id = _plan_id(request.npc_id, event.DESCRIPTOR.full_name, event.quest_id)
        outcome, plan = await self._plans.replace(
            Candidate(
                plan=self._plan(request, plan_id),
                at=event.occurred_at,
                quest_id=event.quest_id,
                within_quest=within_quest,
            )
        )
        # A delivery before this one may have stored the plan and died before it told of it.
        if outcome is Outcome.STORED or (outcome is Outcome.KNOWN and context.delivery > 1):
            await self._announce(plan, quest_id=event.quest_id)

    def _plan(
        self, request: npc_behavior_pb2.PlanBehaviorRequest, plan_id: str
    ) -> npc_behavior_pb2.BehaviorPlan:
        actions = plan_actions(request)
        now = self._now()
        plan = npc_behavior_pb2.BehaviorPlan(
            plan_id=plan_id, npc_id=request.npc_id, actions=actions, planned_at=now
        )
        plan.valid_until.FromNanoseconds(now.ToNanoseconds() + _nanoseconds(actions))
        return plan

    async def _announce(self, plan: npc_behavior_pb2.BehaviorPlan, *, quest_id: str) -> None:
        await self._publisher.publish_npc_behavior_planned(
            npc_behavior_pb2.NpcBehaviorPlanned(
                npc_id=plan.npc_id,
                plan=plan,
                quest_id=quest_id,
                occurred_at=plan.planned_at,
            ),
            event_id=f"{plan.plan_id}.planned",
        )


def _plan_id(*source: str) -> str:
    """The id of the plan that a call or an event leads to; the same for the same one."""
    return f"plan-{blake2b('/'.join(source).encode(), digest_size=16).hexdigest()}"


def _nanoseconds(actions: Iterable[npc_behavior_pb2.NpcAction]) -> int:
    return sum(action.duration.ToNanoseconds() for action in actions)
