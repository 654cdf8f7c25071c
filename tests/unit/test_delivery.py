"""How often and after which delays a message is delivered again."""

from __future__ import annotations

import pytest

from protonats._consuming.dead_letter import FailureTexts
from protonats._consuming.delivery import Delivery, DeliveryPolicy
from protonats.errors import ConfigurationError


def test_each_failure_waits_for_its_own_delay_and_the_last_delay_holds_on() -> None:
    policy = DeliveryPolicy(backoff=(1.0, 5.0, 30.0))

    assert [policy.delay(delivery) for delivery in (1, 2, 3, 4, 100)] == [1, 5, 30, 30, 30]


def test_the_last_failure_waits_for_nothing_because_the_dead_letter_follows() -> None:
    policy = DeliveryPolicy(max_deliver=3, backoff=(1.0, 5.0))

    assert [policy.delay(delivery) for delivery in (1, 2, 3)] == [1, 5, 0]


def test_a_message_is_exhausted_at_one_delivery_more_than_allowed() -> None:
    policy = DeliveryPolicy(max_deliver=3)

    assert [policy.is_exhausted(delivery) for delivery in (1, 3, 4)] == [False, False, True]
    assert not DeliveryPolicy().is_exhausted(1_000_000)


@pytest.mark.parametrize(
    "policy",
    [
        DeliveryPolicy(),
        DeliveryPolicy(max_deliver=1),
        DeliveryPolicy(max_deliver=5, backoff=(0.25,)),
    ],
)
def test_the_metadata_of_a_consumer_says_the_same(policy: DeliveryPolicy) -> None:
    assert DeliveryPolicy.from_metadata(policy.to_metadata()) == policy


def test_a_consumer_without_metadata_has_the_defaults() -> None:
    assert DeliveryPolicy.from_metadata(None) == DeliveryPolicy()


@pytest.mark.parametrize(
    "metadata",
    [
        {"protonats.max_deliver": "many"},
        {"protonats.max_deliver": "0"},
        {"protonats.backoff": "1,soon"},
        {"protonats.backoff": "-1"},
        {"protonats.backoff": "nan"},
    ],
)
def test_malformed_metadata_is_refused_with_what_to_write(metadata: dict[str, str]) -> None:
    with pytest.raises(
        ConfigurationError, match="write a number above 0, and seconds separated by"
    ):
        DeliveryPolicy.from_metadata(metadata)


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.GAME.quest.3.17.21.1700000000500000000.4",
        "$JS.ACK._.Xy12.GAME.quest.3.17.21.1700000000500000000.4",
        "$JS.ACK.hub.Xy12.GAME.quest.3.17.21.1700000000500000000.4.rAnDoM",
    ],
    ids=["short", "without domain", "with domain"],
)
def test_the_reply_subject_of_a_delivery_says_which_one_it_is(reply: str) -> None:
    assert Delivery.parse(reply) == Delivery(
        stream="GAME",
        consumer="quest",
        number=3,
        sequence=17,
        nanoseconds=1_700_000_000_500_000_000,
    )


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "_INBOX.a.b",
        "$JS.ACK",
        "$JS.ACK.GAME.quest.3.17.21.1700000000500000000",
        "$JS.ACK._.GAME.quest.3.17.21.1700000000500000000.4",
        "$JS.ACK.GAME.quest.x.17.21.1700000000500000000.4",
        "$JS.ACK.GAME.quest.3.-1.21.1700000000500000000.4",
        "$JS.ACK.GAME.quest.3.17.21.1700000000500000000.",
        "$JS.ACK.GAME.quest.3.17.21.999999999999999999999.4",
    ],
)
def test_another_reply_subject_is_none(reply: str) -> None:
    assert Delivery.parse(reply) is None


def test_why_a_message_failed_is_known_until_it_ends_and_for_the_last_thousand() -> None:
    def delivery(sequence: int) -> Delivery:
        return Delivery(stream="S", consumer="c", number=4, sequence=sequence, nanoseconds=0)

    texts = FailureTexts()
    for sequence in range(1001):
        texts.remember(sequence, ValueError(f"no {sequence}"))
    texts.forget(2)

    assert texts.text(delivery(1)) == "ValueError: no 1"
    assert texts.text(delivery(1000)) == "ValueError: no 1000"
    for forgotten in (0, 2):
        assert texts.text(delivery(forgotten)).startswith("delivered 3 times and not acknowledged;")


def test_a_text_of_any_length_takes_little_memory() -> None:
    texts = FailureTexts()
    texts.remember(1, ValueError("x" * 1_000_000))
    assert len(texts._texts[1]) == 512
