"""Many deadlines on one timer of the loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from protonats._timers import Timers

pytestmark = pytest.mark.anyio


@pytest.fixture
async def timers() -> Timers:
    return Timers(asyncio.get_running_loop())


async def test_a_callback_comes_after_its_time_and_never_before(timers: Timers) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    late: list[float] = []

    def call(when: float) -> None:
        late.append(loop.time() - when)
        if len(late) == 100:
            done.set()

    begin = loop.time()
    for number in range(100):
        when = begin + number * 0.0007
        timers.at(when, call, when)
    async with asyncio.timeout(5.0):
        await done.wait()
    assert min(late) >= 0
    assert len(timers) == 0


async def test_an_earlier_time_does_not_wait_for_a_later_one(timers: Timers) -> None:
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    timers.at(loop.time() + 60.0, called.clear)
    timers.at(loop.time() + 0.01, called.set)
    async with asyncio.timeout(5.0):
        await called.wait()
    assert len(timers) == 1


async def test_what_is_cancelled_is_not_called_and_leaves_nothing(timers: Timers) -> None:
    loop = asyncio.get_running_loop()
    called: list[str] = []
    done = asyncio.Event()
    first = timers.at(loop.time() + 0.01, called.append, "first")
    timers.at(loop.time() + 0.03, done.set)
    first.cancel()
    first.cancel()
    assert len(timers) == 1
    async with asyncio.timeout(5.0):
        await done.wait()
    assert called == []
    first.cancel()


async def test_a_callback_may_cancel_its_neighbour(timers: Timers) -> None:
    loop = asyncio.get_running_loop()
    when = loop.time() + 0.01
    called: list[str] = []
    done = asyncio.Event()
    pair: list[Any] = []

    def call(name: str) -> None:
        called.append(name)
        for timer in pair:
            timer.cancel()

    pair += [timers.at(when, call, "a"), timers.at(when, call, "b")]
    timers.at(when + 0.02, done.set)
    async with asyncio.timeout(5.0):
        await done.wait()
    assert len(called) == 1


async def test_a_callback_that_raises_does_not_stop_the_others(timers: Timers) -> None:
    loop = asyncio.get_running_loop()
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    done = asyncio.Event()

    def fail() -> None:
        raise RuntimeError("a defect")

    try:
        timers.at(loop.time() + 0.005, fail)
        timers.at(loop.time() + 0.02, done.set)
        async with asyncio.timeout(5.0):
            await done.wait()
    finally:
        loop.set_exception_handler(None)
    assert [str(context["exception"]) for context in reported] == ["a defect"]


async def test_many_timers_take_one_of_the_loop(
    timers: Timers, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    asked: list[float] = []
    call_at = loop.call_at

    def count(when: float, callback: Any, *arguments: Any) -> asyncio.TimerHandle:
        asked.append(when)
        return call_at(when, callback, *arguments)

    monkeypatch.setattr(loop, "call_at", count)
    waiting = [timers.at(loop.time() + 5.0 + number / 1000, asked.clear) for number in range(1000)]
    assert len(asked) == 1
    for timer in waiting:
        timer.cancel()
    assert len(timers) == 0
