"""What an NPC could do for a goal: for each goal the courses of action that serve it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from bodybroker.common.v1 import common_pb2
from bodybroker.npc_behavior.v1 import npc_behavior_pb2
from services.npc_behavior import speech
from services.npc_behavior.situation import Assessment, distance

_WALK: Final = 1.4  # metres a second
_WALK_UNKNOWN: Final = 60.0
_THERE: Final = 5.0  # metres
_REACH: Final = 3.0  # metres
_STRIDE: Final = 25.0  # metres of a patrol's leg
_WEAK: Final = 0.3
_DANGEROUS: Final = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One action, before it has its place in a plan."""

    kind: npc_behavior_pb2.ActionKind.ValueType
    """What is done."""

    seconds: float
    """How long it takes, in game time."""

    target_id: str = ""
    """Whom or what it is done to."""

    location: common_pb2.Location | None = None
    """Where it is done; None for wherever the NPC is."""

    utterance: str = ""
    """What is said."""


@dataclass(frozen=True, slots=True)
class Option:
    """A course of action that serves a goal."""

    fitness: float
    """How well it serves the goal in this situation, 0 to 1."""

    steps: tuple[Step, ...]
    """What is done, one after the other."""

    defensive: bool = False
    """Whether it answers a danger, so that the danger makes it urgent."""


_Maker: TypeAlias = Callable[[npc_behavior_pb2.Goal, Assessment], Iterable[Option]]


def options(goal: npc_behavior_pb2.Goal, scene: Assessment) -> list[Option]:
    """The courses of action that serve a goal; empty if none does in that situation."""
    if scene.health <= 0:
        return []
    return list(_MAKERS[goal.kind](goal, scene))


def _survive(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    threat = scene.threat
    if threat is None or scene.danger < _DANGEROUS:
        yield Option(0.2, (Step(kind=npc_behavior_pb2.ACTION_KIND_WAIT, seconds=30),))
        return
    flee = Step(kind=npc_behavior_pb2.ACTION_KIND_FLEE, seconds=20, target_id=threat.entity_id)
    hide = Step(kind=npc_behavior_pb2.ACTION_KIND_HIDE, seconds=60)
    yield Option(0.5 + scene.danger / 2, (flee, hide), defensive=True)
    if scene.health > _WEAK:
        yield Option(scene.health * (1 - scene.danger), _fight(threat), defensive=True)


def _protect(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    if not scene.perceives(goal.target_id):
        yield from _go_there(goal, scene, 0.6)
    elif scene.threat is not None and scene.threat.entity_id != goal.target_id:
        defend = Step(
            kind=npc_behavior_pb2.ACTION_KIND_DEFEND, seconds=30, target_id=goal.target_id
        )
        yield Option(0.6 + 0.4 * scene.danger, (defend,), defensive=True)
    else:
        yield Option(0.5, (_follow_step(goal.target_id),))


def _guard(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    post = goal.location if goal.HasField("location") else scene.location
    threat = scene.threat
    if threat is not None:
        warn = Step(
            kind=npc_behavior_pb2.ACTION_KIND_SPEAK,
            seconds=3,
            target_id=threat.entity_id,
            utterance=speech.WARNING,
        )
        yield Option(0.5 + scene.danger / 3, (warn, *_fight(threat)), defensive=True)
    watch = Step(kind=npc_behavior_pb2.ACTION_KIND_WAIT, seconds=120, location=post)
    yield Option(0.5, (*_walk(scene, post), watch))


def _patrol(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    zone = goal.location if goal.HasField("location") else scene.location
    look = Step(kind=npc_behavior_pb2.ACTION_KIND_WAIT, seconds=10)
    if not zone.HasField("position"):
        go = Step(kind=npc_behavior_pb2.ACTION_KIND_MOVE, seconds=_WALK_UNKNOWN, location=zone)
        yield Option(0.5, (go, look))
        return
    steps = list(_walk(scene, zone))
    for east, north in ((1, 0), (0, 1), (-1, 0), (0, -1)):
        corner = common_pb2.Location()
        corner.CopyFrom(zone)
        corner.position.x += east * _STRIDE
        corner.position.y += north * _STRIDE
        leg = Step(kind=npc_behavior_pb2.ACTION_KIND_MOVE, seconds=_STRIDE / _WALK, location=corner)
        steps += (leg, look)
    yield Option(0.5, tuple(steps))


def _trade(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    customers = scene.company()
    for place, customer in enumerate(customers):
        greet = _say(speech.WARES, customer.entity_id)
        deal = Step(
            kind=npc_behavior_pb2.ACTION_KIND_TRADE, seconds=90, target_id=customer.entity_id
        )
        yield Option((0.7 + 0.2 * customer.disposition) / (1 + place), (greet, deal))
    if not customers:
        stall = goal.location if goal.HasField("location") else scene.location
        wait = Step(kind=npc_behavior_pb2.ACTION_KIND_WAIT, seconds=120)
        yield Option(0.3, (*_walk(scene, stall), wait))


def _socialize(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    for place, other in enumerate(scene.company()):
        if goal.target_id in ("", other.entity_id):
            completed = scene.facts.get(speech.QUEST_COMPLETED) is True
            said = speech.THANKS if completed else speech.GREETING
            fitness = (0.6 + 0.3 * other.disposition) / (1 + place)
            yield Option(fitness, (_say(said, other.entity_id),))


def _follow(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    if scene.perceives(goal.target_id):
        yield Option(0.7, (_follow_step(goal.target_id),))
    else:
        yield from _go_there(goal, scene, 0.5)


def _attack(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    target = scene.entities.get(goal.target_id)
    if target is None:
        yield from _go_there(goal, scene, 0.5)
    else:
        yield Option(0.3 + 0.5 * scene.health, _fight(target), defensive=True)


def _quest(goal: npc_behavior_pb2.Goal, scene: Assessment) -> Iterable[Option]:
    place = goal.location if goal.HasField("location") else scene.location
    player, title = scene.text(speech.QUEST_PLAYER), scene.text(speech.QUEST_TITLE)
    known = place if place.world_id else None
    wait = Step(kind=npc_behavior_pb2.ACTION_KIND_WAIT, seconds=180, location=known)
    if scene.text(speech.QUEST_ROLE) == speech.GIVER and player:
        offer = Step(kind=npc_behavior_pb2.ACTION_KIND_OFFER_QUEST, seconds=30, target_id=player)
        say = _say(speech.offer(title), player)
        yield Option(0.9, (*_walk(scene, place), say, offer, wait))
    else:
        steps = (*_walk(scene, place), wait)
        yield Option(0.7, (*steps, _say(speech.part(title), player)) if player else steps)


def _go_there(goal: npc_behavior_pb2.Goal, scene: Assessment, fitness: float) -> Iterable[Option]:
    if goal.HasField("location") and (steps := _walk(scene, goal.location)):
        yield Option(fitness, steps)


def _walk(scene: Assessment, place: common_pb2.Location) -> tuple[Step, ...]:
    """The way to a place; nothing if the NPC is there, or nobody knows where that is."""
    metres = distance(scene.location, place)
    if not place.world_id or place == scene.location or (metres is not None and metres <= _THERE):
        return ()
    seconds = _WALK_UNKNOWN if metres is None else metres / _WALK
    return (Step(kind=npc_behavior_pb2.ACTION_KIND_MOVE, seconds=seconds, location=place),)


def _fight(enemy: npc_behavior_pb2.PerceivedEntity) -> tuple[Step, ...]:
    approach = max(0.0, enemy.distance - _REACH) / _WALK
    return (
        Step(
            kind=npc_behavior_pb2.ACTION_KIND_ATTACK,
            seconds=15 + approach,
            target_id=enemy.entity_id,
        ),
    )


def _follow_step(target_id: str) -> Step:
    return Step(kind=npc_behavior_pb2.ACTION_KIND_FOLLOW, seconds=120, target_id=target_id)


def _say(text: str, target_id: str) -> Step:
    return Step(
        kind=npc_behavior_pb2.ACTION_KIND_SPEAK, seconds=5, target_id=target_id, utterance=text
    )


_MAKERS: Final[dict[npc_behavior_pb2.GoalKind.ValueType, _Maker]] = {
    npc_behavior_pb2.GOAL_KIND_SURVIVE: _survive,
    npc_behavior_pb2.GOAL_KIND_PROTECT: _protect,
    npc_behavior_pb2.GOAL_KIND_GUARD: _guard,
    npc_behavior_pb2.GOAL_KIND_PATROL: _patrol,
    npc_behavior_pb2.GOAL_KIND_TRADE: _trade,
    npc_behavior_pb2.GOAL_KIND_SOCIALIZE: _socialize,
    npc_behavior_pb2.GOAL_KIND_FOLLOW: _follow,
    npc_behavior_pb2.GOAL_KIND_ATTACK: _attack,
    npc_behavior_pb2.GOAL_KIND_QUEST: _quest,
}
