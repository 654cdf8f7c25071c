"""Where quests are kept, and which of their events are known to be published."""

from __future__ import annotations

import logging
from typing import Final

import protonats
from bodybroker.quest.v1 import quest_pb2

_logger = logging.getLogger(__name__)

GENERATED: Final = "generated"
COMPLETED: Final = "completed"


class QuestStore:
    """The bucket of quests.

    A quest is kept under its id. `<quest id>.generated` and `<quest id>.completed` say that the
    event was published, so that a call that is repeated long after, when the stream has forgotten
    the event's id, publishes nothing.
    """

    def __init__(self, bucket: protonats.KeyValue) -> None:
        self._bucket = bucket

    async def create(self, quest: quest_pb2.Quest) -> quest_pb2.Quest | None:
        """Stores a quest, unless there is one with its id.

        Returns:
            The one that was there; None if it was stored.
        """
        if await self._bucket.write(quest.quest_id, quest.SerializeToString(), after=0):
            return None
        found = await self.read(quest.quest_id)
        if found is None:
            raise protonats.StatusError(
                protonats.Code.ABORTED,
                f"quest {quest.quest_id} was removed by hand: it cannot be generated again",
            )
        return found[0]

    async def read(self, quest_id: str) -> tuple[quest_pb2.Quest, int] | None:
        """A quest with its revision; None if there is none."""
        entry = await self._bucket.read(quest_id)
        if entry.value is None:
            return None
        return quest_pb2.Quest.FromString(entry.value), entry.revision

    async def replace(self, quest: quest_pb2.Quest, *, revision: int) -> bool:
        """Whether the quest took the place of that revision; False if another call did before."""
        return bool(
            await self._bucket.write(quest.quest_id, quest.SerializeToString(), after=revision)
        )

    async def is_announced(self, quest_id: str, event: str) -> bool:
        """Whether the event `GENERATED` or `COMPLETED` of a quest is known to be published."""
        return (await self._bucket.read(f"{quest_id}.{event}")).value is not None

    async def set_announced(self, quest_id: str, event: str) -> None:
        """Keeps in mind that an event is published."""
        try:
            await self._bucket.write(f"{quest_id}.{event}", b"", after=0)
        except protonats.StatusError as error:
            # The event is out: at worst, a repeated call publishes it under the same id again.
            _logger.warning("event %s of %s is not marked: %s", event, quest_id, error)
