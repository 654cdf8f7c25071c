"""Tasks that run handlers: as many as are needed so that no handler waits for another."""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar

ItemT = TypeVar("ItemT")

_AT_A_STRETCH: Final = 64
"""How many items a worker takes before it lets others have the event loop."""


class Workers(Generic[ItemT]):
    """Runs a coroutine function for each item that is put in.

    A worker is a task that takes one item after the other. Where the coroutine of an item ends
    without waiting for anything, the next item costs no task. As soon as one waits, another worker
    takes the items behind it, so that nothing is held up. Workers end when there are no items.

    Each item has context variables of its own, which begin as those that `Workers` was made with.
    """

    def __init__(
        self,
        run: Callable[[ItemT, asyncio.Task[None]], Coroutine[Any, Any, None]],
        on_wait: Callable[[ItemT], None] | None = None,
    ) -> None:
        """
        Args:
            run: Handles an item, in a task that other items share. It ends with CancelledError when
                its task is cancelled; what else it raises ends the task, and no other.
            on_wait: Called for an item whose coroutine has begun and waits for something, once.
        """
        self._run = run
        self._on_wait = on_wait
        self._waiting: deque[ItemT] = deque()
        self._tasks: dict[asyncio.Task[None], ItemT | None] = {}
        self._context = contextvars.copy_context()
        self._ready = False
        """Whether a worker is about to take an item."""

    def put(self, item: ItemT) -> None:
        """Runs it soon."""
        self._waiting.append(item)
        if not self._ready:
            self._start()

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """The workers; there is at least one while there are items."""
        return self._tasks.keys()

    def begun(self) -> list[ItemT]:
        """The items that have begun, and wait for something."""
        return [item for item in self._tasks.values() if item is not None]

    def withdraw(self) -> list[ItemT]:
        """Takes back the items that have not begun."""
        left = list(self._waiting)
        self._waiting.clear()
        return left

    def cancel(self) -> list[ItemT]:
        """Cancels the running workers, and takes back the items that have not begun."""
        left = self.withdraw()
        for task in self._tasks:
            task.cancel()
        return left

    async def join(self, timeout: float) -> bool:
        """Whether everything has ended within so many seconds."""
        end = asyncio.get_running_loop().time() + timeout
        while self._tasks:
            left = end - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait(list(self._tasks), timeout=max(0.0, left))
            if not done:
                return False
        return True

    def __len__(self) -> int:
        """How many workers there are."""
        return len(self._tasks)

    def _start(self) -> None:
        self._ready = True
        task = asyncio.get_running_loop().create_task(self._work(), context=self._context.copy())
        # An eager task has noted already what it runs.
        self._tasks.setdefault(task, None)
        task.add_done_callback(self._ended)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        waiting, run, taken = self._waiting, self._run, 0
        in_charge = True
        try:
            while waiting:
                if taken == _AT_A_STRETCH:
                    taken = 0
                    await asyncio.sleep(0)
                    continue
                taken += 1
                item = waiting.popleft()
                coroutine = run(item, task)
                context = self._context.copy()
                try:
                    future = context.run(coroutine.send, None)
                except StopIteration:
                    pass
                else:
                    in_charge = False
                    self._tasks[task] = item
                    self._hand_over()
                    if self._on_wait is not None:
                        self._on_wait(item)
                    await _rest(coroutine, future, context)
                    self._tasks[task] = None
                    if self._ready:
                        return
                    self._ready = in_charge = True
                # What an item did to its task is nothing to the next one.
                if task.cancelling():
                    return
        finally:
            if in_charge:
                self._hand_over()

    def _hand_over(self) -> None:
        """Lets another worker take what is waiting."""
        self._ready = False
        if self._waiting:
            self._start()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            task.get_loop().call_exception_handler(
                {"message": "a worker failed", "exception": error, "task": task}
            )
        if not self._tasks:
            self._hand_over()  # a task that was cancelled before it began could not


@types.coroutine
def _rest(
    coroutine: Coroutine[Any, Any, None], future: Any, context: contextvars.Context
) -> Generator[Any, Any, None]:
    """Awaits a coroutine that was begun in `context` and waits for `future`."""
    step: Callable[[Any], Any]
    while True:
        try:
            value = yield future
            step = coroutine.send
        except BaseException as error:
            value, step = error, coroutine.throw
        try:
            future = context.run(step, value)
        except StopIteration:
            return
