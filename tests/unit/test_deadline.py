"""Deadlines that calls inherit."""

from __future__ import annotations

import asyncio

import pytest

from protonats import deadline

pytestmark = pytest.mark.anyio


async def test_outside_of_a_call_there_is_none() -> None:
    assert deadline.current() is None
    assert deadline.remaining() is None
    assert deadline.current_trace() is None


async def test_the_earlier_of_two_deadlines_counts() -> None:
    now = asyncio.get_running_loop().time()
    assert deadline.earliest(5) == pytest.approx(now + 5, abs=0.5)
    with deadline.scope(now + 1):
        assert deadline.earliest(5) == now + 1
        assert deadline.earliest(0.1) == pytest.approx(now + 0.1, abs=0.5)
    assert deadline.current() is None


async def test_remaining_time_ends_at_zero() -> None:
    with deadline.scope(asyncio.get_running_loop().time() - 3):
        assert deadline.remaining() == 0


async def test_tasks_inherit_the_call_that_they_are_started_in() -> None:
    async def look() -> tuple[float | None, str | None]:
        return deadline.current(), deadline.current_trace()

    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with deadline.scope(7.0, trace):
        task = asyncio.create_task(look())
    assert await task == (7.0, trace)
    assert await asyncio.create_task(look()) == (None, None)


async def test_work_that_outlives_its_call_can_leave_it() -> None:
    with deadline.scope(7.0), deadline.scope(None):
        assert deadline.current() is None
