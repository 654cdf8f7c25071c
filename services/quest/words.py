"""Whom and what quests are about: the kinds of enemies, items, people and places of the game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Word:
    """Something that a quest can be about."""

    id: str
    """Its id in the game's catalogue."""

    one: str
    """What players call it."""

    many: str = ""
    """What players call several of it; empty for what there is one of."""

    tags: frozenset[str] = frozenset()
    """Labels of quests that it suits."""

    def counted(self, count: int) -> str:
        """The number and the name: `one ghoul`, `7 ghouls`."""
        return f"one {self.one}" if count == 1 else f"{count} {self.many}"


def _word(id: str, one: str, many: str = "", tags: str = "") -> Word:
    return Word(id, one, many, frozenset(tags.split()))


ENEMIES: Final = (
    _word("ghoul", "ghoul", "ghouls", "undead night city"),
    _word("bone_archer", "bone archer", "bone archers", "undead ruins"),
    _word("grave_wisp", "grave wisp", "grave wisps", "undead night forest"),
    _word("dire_wolf", "dire wolf", "dire wolves", "forest beast winter"),
    _word("marsh_crawler", "marsh crawler", "marsh crawlers", "swamp beast"),
    _word("rust_spider", "rust spider", "rust spiders", "ruins beast"),
    _word("road_bandit", "road bandit", "road bandits", "human road"),
    _word("rogue_broker", "rogue broker", "rogue brokers", "human city"),
)
ITEMS: Final = (
    _word("silver_nail", "silver nail", "silver nails", "undead city"),
    _word("grave_moss", "bundle of grave moss", "bundles of grave moss", "undead forest"),
    _word("ember_root", "ember root", "ember roots", "forest winter"),
    _word("sealed_letter", "sealed letter", "sealed letters", "human city road"),
    _word("old_cog", "old cog", "old cogs", "ruins"),
    _word("bog_iron", "lump of bog iron", "lumps of bog iron", "swamp"),
)
GOODS: Final = (
    _word("marrow", "vial of marrow", "vials of marrow", "undead"),
    _word("pale_sinew", "pale sinew", "pale sinews", "beast forest"),
    _word("glass_eye", "glass eye", "glass eyes", "city human"),
    _word("still_heart", "still heart", "still hearts", "night ruins"),
    _word("bog_liver", "bog liver", "bog livers", "swamp beast"),
)
PEOPLE: Final = (
    _word("npc_sexton_orrin", "Sexton Orrin", tags="undead night"),
    _word("npc_mother_vael", "Mother Vael", tags="swamp forest"),
    _word("npc_captain_ruske", "Captain Ruske", tags="city human road"),
    _word("npc_broker_ilm", "Ilm the broker", tags="city night"),
    _word("npc_tinker_asha", "Asha the tinker", tags="ruins winter"),
    _word("npc_ferryman_dok", "Dok the ferryman", tags="road swamp"),
)
PLACES: Final = (
    _word("hollow_market", "the Hollow Market", tags="city night"),
    _word("drowned_chapel", "the Drowned Chapel", tags="swamp undead"),
    _word("ashen_wood", "the Ashen Wood", tags="forest winter beast"),
    _word("kings_road", "the King's Road", tags="road human"),
    _word("clockwork_ruin", "the Clockwork Ruin", tags="ruins"),
    _word("bone_terraces", "the Bone Terraces", tags="undead night"),
)
