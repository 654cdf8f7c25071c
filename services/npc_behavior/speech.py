"""What NPCs say, and the facts of a world snapshot that they speak of."""

from __future__ import annotations

from typing import Final

QUEST_ROLE: Final = "quest_role"
"""The fact that tells an NPC's part in a quest: `giver` or `contact`."""

QUEST_PLAYER: Final = "quest_player"
"""The fact that names the player who has the quest."""

QUEST_TITLE: Final = "quest_title"
"""The fact that holds the headline of the quest."""

QUEST_COMPLETED: Final = "quest_completed"
"""The fact that the NPC's quest was completed just now."""

GIVER: Final = "giver"
CONTACT: Final = "contact"

THANKS: Final = "That was well done."
GREETING: Final = "Well met."
WARES: Final = "Have a look at what I have."
WARNING: Final = "Not one step further."


def offer(title: str) -> str:
    """What the giver of a quest says."""
    return f"I need somebody for this: {title}." if title else "I have work for you."


def part(title: str) -> str:
    """What somebody says whom a quest leads to."""
    return f"So you come because of this: {title}." if title else "You were looking for me?"
