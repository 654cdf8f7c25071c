"""Whether, and when, a failed call is made again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import RetryInfo as RetryDelay
from hypothesis import given
from hypothesis import strategies as st

from protonats._calling.methods import CalledMethod, CalledMethods
from protonats._calling.retry import Retries
from protonats._info import Idempotency, MethodInfo, MethodKind, RetryInfo
from protonats.connection import Connection
from protonats.errors import Code, StatusError
from protonats.metrics import Metrics

pytestmark = pytest.mark.anyio

NO_INSTANCE = StatusError(Code.UNAVAILABLE, unhandled=True)
REFUSED = StatusError(Code.RESOURCE_EXHAUSTED, unhandled=True)
LOST = StatusError(Code.UNAVAILABLE)
LATE = StatusError(Code.DEADLINE_EXCEEDED)


def retries(
    policy: RetryInfo | None = None,
    *,
    repeatable: bool = False,
    left: float | None = 60.0,
    wait_for_ready: bool = False,
    connected: bool = True,
    closed: bool = False,
    tokens: float = 100.0,
) -> tuple[Retries, CalledMethod, Metrics]:
    metrics = Metrics()
    method = MethodInfo(
        service="acme.v1.Shop",
        name="Buy",
        python_name="buy",
        subject="svc.shop.v1.buy",
        kind=MethodKind.UNARY,
        request=StringValue,
        response=StringValue,
        timeout=5.0,
        idempotency_level=Idempotency.UNKNOWN,
        retry=policy or RetryInfo(),
    )
    called = CalledMethods(metrics, None).get(method)
    called.budget.tokens = tokens
    connection: Any = SimpleNamespace(
        metrics=metrics, is_connected=connected, is_closed=closed, _draining=False
    )
    until = None if left is None else asyncio.get_running_loop().time() + left
    made = Retries(
        cast(Connection, connection),
        called,
        repeatable=repeatable,
        until=until,
        wait_for_ready=wait_for_ready,
    )
    return made, called, metrics


@pytest.mark.parametrize(
    ("error", "any_method", "repeatable"),
    [
        (NO_INSTANCE, True, True),
        (REFUSED, True, True),
        (LOST, False, True),
        (LATE, False, True),
        (StatusError(Code.RESOURCE_EXHAUSTED), False, False),
        (StatusError(Code.INTERNAL), False, False),
        (StatusError(Code.ABORTED), False, False),
        (StatusError(Code.NOT_FOUND), False, False),
    ],
    ids=lambda value: f"{value.code.name}" if isinstance(value, StatusError) else None,
)
async def test_what_was_perhaps_handled_is_repeated_only_where_that_does_no_harm(
    error: StatusError, any_method: bool, repeatable: bool
) -> None:
    policy = RetryInfo(attempt_timeout=1.0)
    assert (retries(policy)[0].next_pause(error) is not None) == any_method
    assert (retries(policy, repeatable=True)[0].next_pause(error) is not None) == repeatable


async def test_a_deadline_without_attempt_timeout_is_final() -> None:
    assert retries(repeatable=True)[0].next_pause(LATE) is None


async def test_attempts_are_bounded() -> None:
    made, _, metrics = retries(RetryInfo(max_attempts=3))
    pauses = [made.next_pause(NO_INSTANCE) for _ in range(4)]
    assert [pause is not None for pause in pauses] == [True, True, False, False]
    assert 'retries_total{method="Buy",reason="no_instance"' in metrics.render().decode()


async def test_one_attempt_means_none_is_repeated() -> None:
    assert retries(RetryInfo(max_attempts=1))[0].next_pause(NO_INSTANCE) is None


@given(
    initial=st.floats(min_value=0.001, max_value=10.0),
    maximum=st.floats(min_value=0.001, max_value=10.0),
    multiplier=st.floats(min_value=1.0, max_value=1e6),
    count=st.integers(min_value=1, max_value=60),
)
async def test_pauses_grow_to_the_maximum_and_are_spread_over_all_of_it(
    initial: float, maximum: float, multiplier: float, count: int
) -> None:
    policy = RetryInfo(
        max_attempts=count + 1,
        initial_backoff=initial,
        max_backoff=maximum,
        multiplier=multiplier,
    )
    made, _, _ = retries(policy, left=None)
    ceiling = min(initial, maximum)
    for _ in range(count):
        pause = made.next_pause(NO_INSTANCE)
        assert pause is not None
        assert 0 <= pause <= ceiling
        ceiling = min(ceiling * multiplier, maximum)


async def test_pauses_differ() -> None:
    policy = RetryInfo(initial_backoff=1.0)
    pauses = [retries(policy)[0].next_pause(NO_INSTANCE) or 0.0 for _ in range(200)]
    assert min(pauses) < 0.2
    assert max(pauses) > 0.8


async def test_the_service_says_when_to_come_back() -> None:
    detail = RetryDelay()
    detail.retry_delay.FromMilliseconds(2500)
    error = StatusError(Code.RESOURCE_EXHAUSTED, details=[detail], unhandled=True)
    assert retries()[0].next_pause(error) == 2.5


async def test_nothing_is_tried_that_would_come_after_the_deadline() -> None:
    detail = RetryDelay()
    detail.retry_delay.FromMilliseconds(2500)
    error = StatusError(Code.RESOURCE_EXHAUSTED, details=[detail], unhandled=True)
    made, called, _ = retries(left=2.4)
    assert made.next_pause(error) is None
    assert called.budget.tokens == 100.0


async def test_an_empty_budget_ends_the_call() -> None:
    made, called, metrics = retries(tokens=1.5)
    assert made.next_pause(NO_INSTANCE) is not None
    assert called.budget.tokens == 0.5
    assert made.next_pause(NO_INSTANCE) is None
    assert "retry_budget_exhausted_total{" in metrics.render().decode()


async def test_a_caller_without_connection_fails_at_once() -> None:
    assert retries(connected=False)[0].next_pause(NO_INSTANCE) is None


async def test_a_caller_that_lost_its_connection_tries_for_a_while() -> None:
    made, _, _ = retries(connected=False, repeatable=True)
    assert made.next_pause(LOST) is not None
    assert made.next_pause(NO_INSTANCE) is not None
    assert made.next_pause(NO_INSTANCE) is None


@pytest.mark.parametrize("wait_for_ready", [True, False])
async def test_a_closed_connection_is_final(wait_for_ready: bool) -> None:
    made, _, _ = retries(closed=True, connected=False, wait_for_ready=wait_for_ready)
    assert made.next_pause(NO_INSTANCE) is None


async def test_waiting_for_an_instance_costs_neither_attempts_nor_budget() -> None:
    made, called, _ = retries(RetryInfo(max_attempts=2), wait_for_ready=True, left=None)
    pauses = [made.next_pause(NO_INSTANCE) for _ in range(8)]
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert called.budget.tokens == 100.0
    assert made.next_pause(REFUSED) is not None
    assert made.next_pause(REFUSED) is None


async def test_waiting_for_an_instance_ends_at_the_deadline() -> None:
    made, _, _ = retries(wait_for_ready=True, left=0.01)
    pause = made.next_pause(NO_INSTANCE)
    assert pause is not None
    assert 0 < pause <= 0.01
    assert retries(wait_for_ready=True, left=0.0)[0].next_pause(NO_INSTANCE) is None
