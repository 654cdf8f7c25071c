"""The current plan of each NPC, in Redis."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisClusterException, RedisError

import protonats
from bodybroker.npc_behavior.v1 import npc_behavior_pb2
from protonats.v1 import options_pb2

_KEYSPACE: Final = (
    npc_behavior_pb2.DESCRIPTOR.services_by_name["NpcBehaviorService"]
    .GetOptions()
    .Extensions[options_pb2.service]
    .redis[0]
)

# Compares and replaces in one step: plans for one NPC may be made at the same time.
_REPLACE: Final = """
local at, plan_id, quest_id, plan = unpack(
    redis.call('HMGET', KEYS[1], 'at', 'plan_id', 'quest_id', 'plan'))
if at then
    if plan_id == ARGV[2] then return {'known', plan} end
    if tonumber(at) > tonumber(ARGV[1]) then return {'kept'} end
    if ARGV[4] == '1' and quest_id ~= ARGV[3] then return {'kept'} end
end
redis.call('HSET', KEYS[1], 'at', ARGV[1], 'plan_id', ARGV[2], 'quest_id', ARGV[3],
    'plan', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {'stored'}
"""
_TIMEOUT: Final = 2.0


class Outcome(enum.Enum):
    """What became of a plan."""

    STORED = "stored"
    """It is the NPC's plan now."""

    KNOWN = "known"
    """It was the NPC's plan already."""

    KEPT = "kept"
    """The NPC keeps another one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A plan that is to become an NPC's plan."""

    plan: npc_behavior_pb2.BehaviorPlan
    """The plan."""

    at: Timestamp
    """When what it answers happened: it does not replace the answer to something newer."""

    quest_id: str = ""
    """The quest that it was made for; empty if it was asked for by a call."""

    within_quest: bool = False
    """Whether it replaces nothing but a plan for the same quest."""


class Plans:
    """The current plans.

    Each is one hash under the NPC's id, so a cluster spreads them.
    """

    def __init__(self, redis: Redis | RedisCluster, *, timeout: float = _TIMEOUT) -> None:
        """
        Args:
            redis: The connection.
            timeout: Seconds that Redis may take.
        """
        self._redis = redis
        self._timeout = timeout

    async def replace(self, candidate: Candidate) -> tuple[Outcome, npc_behavior_pb2.BehaviorPlan]:
        """Makes a plan the NPC's plan, unless a newer one stands.

        Returns:
            What became of it, and the plan: as it was stored first, if it is known already.

        Raises:
            StatusError: UNAVAILABLE, Redis does not answer; the plan may be stored.
        """
        plan = candidate.plan
        answer = await self._command(
            "EVAL",
            _REPLACE,
            1,
            _name(plan.npc_id),
            candidate.at.ToMicroseconds(),
            plan.plan_id,
            candidate.quest_id,
            int(candidate.within_quest),
            _KEYSPACE.ttl.ToMilliseconds(),
            plan.SerializeToString(),
        )
        outcome = Outcome(answer[0].decode())
        if outcome is Outcome.KNOWN:
            return outcome, npc_behavior_pb2.BehaviorPlan.FromString(answer[1])
        return outcome, plan

    async def current(self, npc_id: str) -> npc_behavior_pb2.BehaviorPlan | None:
        """The plan of an NPC; None if it has none.

        Raises:
            StatusError: UNAVAILABLE, Redis does not answer.
        """
        plan = await self._command("HGET", _name(npc_id), "plan")
        return None if plan is None else npc_behavior_pb2.BehaviorPlan.FromString(plan)

    async def _command(self, *command: str | bytes | int) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._redis.execute_command(*command)
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            raise protonats.StatusError(
                protonats.Code.UNAVAILABLE,
                f"Redis, where plans are kept, does not answer: {error or type(error).__name__}",
            ) from error


def _name(npc_id: str) -> str:
    return f"{_KEYSPACE.prefix}:{npc_id}"
