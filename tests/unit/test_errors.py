"""What an error offers instead of a name that does not exist."""

from __future__ import annotations

import pytest

from protoc_gen_nats.errors import did_you_mean

EVENTS = ["acme.quest.v1.QuestMade", "acme.reward.v1.RewardGranted"]
SERVICES = ["acme.order.v1.OrderService", "acme.order.v1.OrderService.Place"]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("acme.quest.v1.QuestMad", EVENTS, "did you mean 'acme.quest.v1.QuestMade'?"),
        ("acme.quests.v1.QuestMade", EVENTS, "did you mean 'acme.quest.v1.QuestMade'?"),
        ("acme.quest.v1.Deleted", EVENTS, "known: " + ", ".join(EVENTS)),
        ("acme.order.v1.OrderServise", SERVICES, f"did you mean '{SERVICES[0]}'?"),
        ("acme.user.v1.UserService", SERVICES, "known: " + ", ".join(SERVICES)),
        ("QuestMade", EVENTS, "write its full name acme.quest.v1.QuestMade"),
        ("OrderService.Place", SERVICES, "write its full name acme.order.v1.OrderService.Place"),
        ("Made", ["a.v1.Made", "b.v1.Made"], "write its full name a.v1.Made or b.v1.Made"),
        ("x", [], "there are none"),
        ("x", [f"a_{n:02}" for n in range(13)], "the nearest of 13 are a_00, a_01 and a_02"),
        ("nope", ["one", *"abcdefghijkl"], "the nearest of 13 are one, e and a"),
    ],
)
def test_did_you_mean(name: str, known: list[str], hint: str) -> None:
    assert did_you_mean(name, known) == hint
