"""Serves bodybroker.quest.v1.QuestService."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from google.protobuf.timestamp_pb2 import Timestamp

import protonats
from bodybroker.quest.v1 import quest_pb2
from bodybroker.quest.v1.quest_nats import QuestServicePublisher, QuestServiceServer
from services.quest import progress
from services.quest.generator import generate
from services.quest.store import COMPLETED, GENERATED, QuestStore

BUCKET: Final = "quests"
_ATTEMPTS: Final = 4


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now


def _draw_seed() -> int:
    return secrets.randbits(64)


class QuestService(QuestServiceServer):
    """Generates quests and follows them to their end.

    A seed decides everything that is left to chance, so a quest can be
    generated again for a bug report, or be the same for a whole party.

    A call that returns has published its event. One that fails after the quest was stored publishes
    it when the call is repeated, under an id that follows from the quest.
    """

    def __init__(
        self,
        app: protonats.Application,
        *,
        now: Callable[[], Timestamp] = _now,
        draw_seed: Callable[[], int] = _draw_seed,
    ) -> None:
        self._app = app
        self._now = now
        self._draw_seed = draw_seed

    async def __aenter__(self) -> Self:
        self._store = QuestStore(await self._app.key_value(BUCKET))
        self._publisher = QuestServicePublisher(self._app.connection)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def generate_quest(
        self,
        request: quest_pb2.GenerateQuestRequest,
        context: protonats.CallContext,
    ) -> quest_pb2.GenerateQuestResponse:
        seed = request.seed if request.HasField("seed") else self._draw_seed()
        quest = generate(request, seed=seed, created_at=self._now())
        stored = await self._store.create(quest)
        if stored is None:
            await self._announce_generated(quest)
            return quest_pb2.GenerateQuestResponse(quest=quest)
        if not await self._store.is_announced(stored.quest_id, GENERATED):
            await self._announce_generated(stored)
        return quest_pb2.GenerateQuestResponse(quest=stored)

    async def complete_objective(
        self,
        request: quest_pb2.CompleteObjectiveRequest,
        context: protonats.CallContext,
    ) -> quest_pb2.CompleteObjectiveResponse:
        done = await self._complete(request)
        quest = done.quest
        if done.completed or await self._lacks_its_event(done):
            await self._announce_completed(quest)
        return quest_pb2.CompleteObjectiveResponse(
            quest=quest,
            quest_completed=done.completed,
            rewards=quest.rewards if done.completed else (),
        )

    async def _complete(self, request: quest_pb2.CompleteObjectiveRequest) -> progress.Progress:
        for _ in range(_ATTEMPTS):
            found = await self._store.read(request.quest_id)
            if found is None:
                raise progress.no_such_quest(request)
            quest, revision = found
            done = progress.complete(quest, request, now=self._now())
            if not done.changed or await self._store.replace(done.quest, revision=revision):
                return done
        raise protonats.StatusError(
            protonats.Code.ABORTED,
            f"other calls changed quest {request.quest_id} {_ATTEMPTS} times meanwhile: try again",
        )

    async def _lacks_its_event(self, done: progress.Progress) -> bool:
        """Whether the call that completed the quest failed before its event was published."""
        quest = done.quest
        if done.changed or quest.status != quest_pb2.QUEST_STATUS_COMPLETED:
            return False
        return not await self._store.is_announced(quest.quest_id, COMPLETED)

    async def _announce_generated(self, quest: quest_pb2.Quest) -> None:
        await self._publisher.publish_quest_generated(
            progress.generated_event(quest), event_id=f"{quest.quest_id}.{GENERATED}"
        )
        await self._store.set_announced(quest.quest_id, GENERATED)

    async def _announce_completed(self, quest: quest_pb2.Quest) -> None:
        await self._publisher.publish_quest_completed(
            progress.completed_event(quest), event_id=f"{quest.quest_id}.{COMPLETED}"
        )
        await self._store.set_announced(quest.quest_id, COMPLETED)
