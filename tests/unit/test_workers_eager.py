"""Tasks that run handlers, where the loop begins each task at once (an eager task factory)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from protonats._workers import Workers

pytestmark = pytest.mark.anyio


def begun_at_once(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """What `asyncio.eager_task_factory` does, which comes with Python 3.12."""
    first: list[Any] = []
    loop.call_soon = lambda *step, context=None: first.append((step, context))
    tasks: Any = asyncio.tasks
    try:
        task: asyncio.Task[Any] = tasks._PyTask(coroutine, loop=loop, **options)
    finally:
        del loop.call_soon
    [(step, context)] = first
    outer = asyncio.current_task(loop)
    if outer is not None:
        tasks._leave_task(loop, outer)
    try:
        context.run(*step)
    finally:
        if outer is not None:
            tasks._enter_task(loop, outer)
    return task


@pytest.fixture
async def eager() -> Any:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory", begun_at_once))
    yield
    loop.set_task_factory(None)


async def test_a_running_item_is_known_and_can_be_cancelled(eager: None) -> None:
    cancelled: list[int] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    workers = Workers(run)
    for item in range(3):
        workers.put(item)
    assert workers.begun() == [0, 1, 2]
    assert workers.cancel() == []
    assert await workers.join(5)
    assert sorted(cancelled) == [0, 1, 2]
    assert len(workers) == 0


async def test_every_item_runs_and_no_worker_is_left(eager: None) -> None:
    ended: list[int] = []

    async def run(item: int, task: asyncio.Task[None]) -> None:
        assert task is asyncio.current_task()
        if item % 2:
            await asyncio.sleep(0)
        ended.append(item)

    workers = Workers(run)
    for item in range(200):
        workers.put(item)
    assert await workers.join(5)
    assert sorted(ended) == list(range(200))
    assert len(workers) == 0
