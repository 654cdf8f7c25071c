"""Tasks that run handlers."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from protonats._workers import Workers
from tests.functional.game import until

pytestmark = pytest.mark.anyio

_VARIABLE: ContextVar[str] = ContextVar("variable", default="clean")


async def test_items_that_wait_for_nothing_share_one_task() -> None:
    tasks: list[object] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        assert task is asyncio.current_task()
        tasks.append(task)

    workers = Workers(run)
    for item in range(50):
        workers.put(item)
    assert await workers.join(5)

    assert len(tasks) == 50
    assert len(set(tasks)) == 1


async def test_items_begin_in_their_order_and_none_waits_for_another() -> None:
    release, begun, ended = asyncio.Event(), list[int](), list[int]()

    async def run(item: int, task: asyncio.Task[None]) -> None:
        begun.append(item)
        if item % 2:
            await release.wait()
        ended.append(item)

    workers = Workers(run)
    for item in range(100):
        workers.put(item)
    await until(lambda: len(begun) == 100)

    assert begun == list(range(100))
    assert ended == list(range(0, 100, 2))
    assert len(workers) == 50
    release.set()
    assert await workers.join(5)
    assert sorted(ended) == begun


async def test_others_get_their_turn_between_many_items() -> None:
    turns, handled = 0, 0

    async def run(item: int, task: asyncio.Task[None]) -> None:
        nonlocal handled
        handled += 1

    async def other() -> None:
        nonlocal turns
        while handled < 1000:
            turns += 1
            await asyncio.sleep(0)

    workers = Workers(run)
    for item in range(1000):
        workers.put(item)
    await asyncio.gather(other(), workers.join(5))

    assert turns > 10


async def test_what_an_item_does_to_the_context_is_nothing_to_the_next() -> None:
    seen: list[str] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        seen.append(_VARIABLE.get())
        _VARIABLE.set("used")
        if item == 1:
            await asyncio.sleep(0)

    workers = Workers(run)
    for item in range(4):
        workers.put(item)
    assert await workers.join(5)

    assert seen == ["clean"] * 4


async def test_an_item_that_cancels_its_own_task_cancels_no_other() -> None:
    ended: list[int] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        if item == 0:
            task.cancel()
            return
        await asyncio.sleep(0)
        ended.append(item)

    workers = Workers(run)
    for item in range(3):
        workers.put(item)
    assert await workers.join(5)

    assert ended == [1, 2]


async def test_a_time_out_inside_an_item_ends_that_item_alone() -> None:
    results: list[str] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(0.01 if item == 0 else None):
                await asyncio.sleep(0.02)
            results.append("done")
        except TimeoutError:
            results.append("late")

    workers = Workers(run)
    for item in range(2):
        workers.put(item)
    assert await workers.join(5)

    assert results == ["late", "done"]


async def test_a_cancellation_ends_running_items_and_gives_back_the_others() -> None:
    cancelled: list[int] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    workers = Workers(run)
    workers.put(1)
    await until(lambda: len(workers) == 1)
    await asyncio.sleep(0)
    assert not await workers.join(0.01)
    workers.put(2)
    assert workers.cancel() == [2]
    assert await workers.join(5)

    assert cancelled == [1]


async def test_work_goes_on_after_somebody_cancelled_a_task_that_had_not_begun() -> None:
    ran: list[int] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        ran.append(item)

    workers = Workers(run)
    workers.put(1)
    for task in tuple(workers._tasks):
        task.cancel()
    await until(lambda: ran == [1])
    assert await workers.join(5)


async def test_items_that_wait_are_told_so_and_can_be_asked_for() -> None:
    release, told = asyncio.Event(), list[int]()

    async def run(item: int, task: asyncio.Task[None]) -> None:
        if item % 2:
            await release.wait()
            await asyncio.sleep(0)

    workers = Workers(run, told.append)
    for item in range(4):
        workers.put(item)
    assert workers.begun() == []
    await until(lambda: len(told) == 2)

    assert told == [1, 3]
    assert workers.begun() == [1, 3]
    release.set()
    assert await workers.join(5)
    assert told == [1, 3]
    assert workers.begun() == []
