"""The retry budget: how many requests may be sent again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protonats._calling.budget import RetryBudget


def taken(budget: RetryBudget, wanted: int = 1000) -> int:
    return sum(budget.take() for _ in range(wanted))


def test_it_begins_with_ten() -> None:
    assert taken(RetryBudget()) == 10


def test_five_calls_allow_one_more() -> None:
    budget = RetryBudget()
    taken(budget)
    for _ in range(5):
        budget.deposit()
    assert taken(budget) == 1


def test_it_saves_up_to_a_hundred() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.deposit()
    assert taken(budget) == 100


@given(st.lists(st.booleans(), max_size=2000))
def test_it_never_allows_more_than_ten_and_a_fifth_of_the_calls(wanted: list[bool]) -> None:
    budget = RetryBudget()
    calls = retries = 0
    for retry in wanted:
        if retry:
            retries += budget.take()
        else:
            budget.deposit()
            calls += 1
        assert retries <= 10 + 0.2 * calls + 1e-6
        assert 0 <= budget.tokens <= 100
